// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cluster/internal/images"
)

func imageCommand() *cobra.Command {
	var spec images.Spec
	var tag, registry, output string
	cmd := &cobra.Command{
		Use:   "image --tag REFERENCE [--registry HOST:PORT] [--output FILE] BINARY...",
		Short: "Make a one-layer image of static binaries; push it to the cluster's registry, write it to a file, or both",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec.Files = args
			image, err := images.Assemble(spec)
			if err != nil {
				return err
			}
			digest, err := image.Digest()
			if err != nil {
				return err
			}
			if registry != "" {
				if err := images.Push(cmd.Context(), image, tag, registry); err != nil {
					return err
				}
			}
			if output != "" {
				if err := images.WriteArchive(output, tag, image); err != nil {
					return err
				}
			}
			fmt.Fprintln(cmd.OutOrStdout(), digest)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&tag, "tag", "", "the image's name in Pods, for example ghcr.io/windlass-operator/windlass:dev")
	flags.StringVar(&registry, "registry", "", "push to this plain-http registry, under the repository path of the tag")
	flags.StringVar(&output, "output", "", "write the image to this tar file")
	flags.StringVar(&spec.Entrypoint, "entrypoint", "", "command of the image (default: the first binary)")
	flags.StringArrayVar(&spec.Env, "env", nil, "environment variable NAME=value; may be given more than once")
	flags.StringVar(&spec.User, "user", "65532:65532", "uid:gid that the image runs as")
	_ = cmd.MarkFlagRequired("tag")
	cmd.MarkFlagsOneRequired("registry", "output")
	return cmd
}
