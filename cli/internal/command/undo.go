// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/view"
)

type undoOptions struct {
	writeOptions
	historyFlags
	revision int64
}

func (c *cli) undoCommand() *cobra.Command {
	o := &undoOptions{}
	cmd := &cobra.Command{
		Use:   "undo sidecarset/NAME | asts/NAME",
		Short: "Go back to an earlier version",
		Long: "Go back to the version before the current one, or to another one that kubectl windlass history lists. " +
			"Of a SidecarSet that is its containers, init containers, volumes, pull secrets and Pod annotations, " +
			"of a StatefulSet its Pod template; everything else stays as it is.",
		Example:           "  kubectl windlass undo sidecarset/mesh\n  kubectl windlass undo asts/web --to-revision 3 --dry-run=server",
		RunE:              func(cmd *cobra.Command, args []string) error { return c.undo(cmd.Context(), o, args) },
		ValidArgsFunction: c.completeObjects(changing...),
	}
	o.writeOptions.add(cmd)
	o.historyFlags.add(cmd)
	cmd.Flags().Int64Var(&o.revision, "to-revision", 0, "The number of the revision to go back to. The one before the current one by default.")
	return cmd
}

func (c *cli) undo(ctx context.Context, o *undoOptions, args []string) error {
	ref, err := one(args)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	cluster, err := c.cluster(false)
	if err != nil {
		return err
	}
	target, history, err := o.versions(ctx, cluster, ref)
	if err != nil {
		return err
	}
	var revision *view.Revision
	if o.revision != 0 {
		revision, err = view.Find(history, o.revision)
	} else {
		revision, err = view.Previous(history)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	change, err := revision.Undo()
	if err != nil {
		return err
	}
	return c.write(ctx, cluster, &o.writeOptions, ref, target.Object(), change)
}
