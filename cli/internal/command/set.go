// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/view"
)

func (c *cli) setCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change what Pods are made of",
		Args:  known,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.setImageCommand())
	return cmd
}

func (c *cli) setImageCommand() *cobra.Command {
	o := &writeOptions{}
	cmd := &cobra.Command{
		Use:   "image (sidecarset/NAME | asts/NAME) CONTAINER=IMAGE ...",
		Short: "Give containers other images",
		Long: "Give containers and init containers of a SidecarSet, or of a StatefulSet of apps.kruise.io, other images. " +
			"CONTAINER may be *, for all. Nothing else of the object is written.",
		Example: "  kubectl windlass set image sidecarset/mesh proxy=envoy:1.30\n  kubectl windlass set image asts/web app=web:2 -n shop",
		RunE: func(cmd *cobra.Command, args []string) error {
			objects, images := split(args)
			wanted, err := view.ParseImages(images)
			if err != nil {
				return asUsage(err)
			}
			if len(wanted) == 0 {
				return usage("name the image of at least one container, such as app=web:2")
			}
			return c.each(cmd.Context(), o, objects, func(t *view.Target) (view.Change, error) { return t.SetImages(wanted) })
		},
		ValidArgsFunction: c.completeObjects(changing...),
	}
	o.add(cmd)
	return cmd
}

// split tells objects from images.
func split(args []string) (objects, images []string) {
	for _, arg := range args {
		if strings.Contains(arg, "=") {
			images = append(images, arg)
		} else {
			objects = append(objects, arg)
		}
	}
	return objects, images
}
