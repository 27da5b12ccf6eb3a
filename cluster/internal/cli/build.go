// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cluster/internal/build"
	"github.com/windlass-operator/windlass/cluster/internal/doctor"
	"github.com/windlass-operator/windlass/cluster/internal/lifecycle"
)

func buildCommand(o *options) *cobra.Command {
	var purpose string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build all binaries into the cache and print their directory",
		Args:  cobra.NoArgs,
		RunE: o.action(func(cmd *cobra.Command, _ []string, m *lifecycle.Manager) error {
			target, err := build.ParseTarget(purpose)
			if err != nil {
				return err
			}
			cache, err := build.Run(cmd.Context(), build.Options{
				Target: target, SourceDir: m.SourceDir, Embedded: m.Embedded, Log: m.Log,
			})
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), cache.BinDir())
			return nil
		}),
	}
	cmd.Flags().StringVar(&purpose, "for", string(build.ForCluster), `what to build: "cluster" for everything, "envtest" for etcd, kube-apiserver and kubectl`)
	return cmd
}

func binDirCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "bin-dir",
		Short: "Print the directory of the binaries",
		Args:  cobra.NoArgs,
		RunE: o.action(func(cmd *cobra.Command, _ []string, m *lifecycle.Manager) error {
			cache, err := build.OpenCache(m.Embedded)
			if err != nil {
				return err
			}
			if !cache.Complete(build.ForEnvtest) {
				return fmt.Errorf("nothing is built in %s yet: run `cluster build` (or `cluster build --for envtest`) first", cache.BinDir())
			}
			fmt.Fprintln(cmd.OutOrStdout(), cache.BinDir())
			return nil
		}),
	}
}

func doctorCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say whether this machine can run real nodes, and why not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems := doctor.Problems(cmd.Context(), dir)
			if len(problems) > 0 {
				return fmt.Errorf("this machine cannot run real nodes:\n  - %s", strings.Join(problems, "\n  - "))
			}
			fmt.Fprintln(cmd.OutOrStdout(), "This machine can run real nodes.")
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "state-dir", defaultStateRoot(), "where clusters would keep their files")
	return cmd
}

func packagesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "packages",
		Short: "Print the Debian packages that building and running real nodes need",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), strings.Join(doctor.Packages(), " "))
		},
	}
}
