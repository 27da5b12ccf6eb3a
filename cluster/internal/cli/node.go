// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cluster/internal/lifecycle"
)

func nodeCommand(o *options) *cobra.Command {
	group := &cobra.Command{Use: "node", Short: "Make a real node bad, and good again"}
	actions := []struct {
		use, short string
		run        func(m *lifecycle.Manager, ctx context.Context, node string) error
	}{
		{"stop", "Kill the node with all that runs on it, like pulling its plug", (*lifecycle.Manager).StopNode},
		{"start", "Start a stopped node", (*lifecycle.Manager).StartNode},
		{"break-registry", "Cut the node off from the image registry: pulls fail from now on", (*lifecycle.Manager).BreakRegistry},
		{"slow-registry", "Let the registry trickle to the node: pulls do not fail and do not end", (*lifecycle.Manager).SlowRegistry},
		{"fix-registry", "Undo break-registry and slow-registry", (*lifecycle.Manager).FixRegistry},
	}
	for _, a := range actions {
		group.AddCommand(&cobra.Command{
			Use:   a.use + " NODE",
			Short: a.short,
			RunE: o.action(func(cmd *cobra.Command, args []string, m *lifecycle.Manager) error {
				node, err := nodeArgument(args)
				if err != nil {
					return err
				}
				return a.run(m, cmd.Context(), node)
			}),
		})
	}
	return group
}
