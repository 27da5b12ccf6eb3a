// SPDX-License-Identifier: Apache-2.0

package command

import (
	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/view"
)

func (c *cli) pauseCommand() *cobra.Command {
	return c.changeCommand(&cobra.Command{
		Use:   "pause sidecarset/NAME | asts/NAME ...",
		Short: "Pause rollouts: no further Pod is updated",
		Long:  "Pause rollouts. Pods that are being changed come back to service; no further one is updated.",
	}, func(t *view.Target) (view.Change, error) { return t.Pause(), nil })
}

func (c *cli) resumeCommand() *cobra.Command {
	return c.changeCommand(&cobra.Command{
		Use:   "resume sidecarset/NAME | asts/NAME ...",
		Short: "Let paused rollouts go on",
		Long:  "Let paused rollouts go on, and say what keeps them at rest all the same, if something does.",
	}, func(t *view.Target) (view.Change, error) { return t.Resume(), nil })
}

// changeCommand is a command that changes the objects that it is given.
func (c *cli) changeCommand(cmd *cobra.Command, change func(*view.Target) (view.Change, error)) *cobra.Command {
	o := &writeOptions{}
	o.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.each(cmd.Context(), o, args, change) }
	cmd.ValidArgsFunction = c.completeObjects(changing...)
	return cmd
}
