// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// historyFlags are where revisions are looked for.
type historyFlags struct{ operatorNamespace string }

func (h *historyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&h.operatorNamespace, "operator-namespace", "",
		"Where the operator keeps the revisions of SidecarSets. Looked for in all namespaces by default.")
}

type historyOptions struct {
	output
	historyFlags
	revision int64
}

func (c *cli) historyCommand() *cobra.Command {
	o := &historyOptions{}
	cmd := &cobra.Command{
		Use:   "history sidecarset/NAME | asts/NAME",
		Short: "The recorded versions of an object, and what going back to one would change",
		Long: "The recorded versions of an object, oldest first. With --revision: what going back to that one would change, as a diff; " +
			"and with --output as well, what it holds.",
		Example:           "  kubectl windlass history sidecarset/mesh\n  kubectl windlass history asts/web --revision 3",
		RunE:              func(cmd *cobra.Command, args []string) error { return c.history(cmd.Context(), o, args) },
		ValidArgsFunction: c.completeObjects(changing...),
	}
	o.output.add(cmd)
	o.historyFlags.add(cmd)
	cmd.Flags().Int64Var(&o.revision, "revision", 0, "The number of a revision: what going back to it would change.")
	return cmd
}

// one reads the name of one object.
func one(args []string) (view.Ref, error) {
	refs, err := view.ParseRefs(args, changing...)
	if err != nil {
		return view.Ref{}, asUsage(err)
	}
	if len(refs) != 1 || refs[0].Name == "" {
		return view.Ref{}, usage("name one object, such as sidecarset/mesh or asts/web")
	}
	return refs[0], nil
}

// versions reads an object and its history.
func (h *historyFlags) versions(ctx context.Context, cluster *read.Cluster, ref view.Ref) (*view.Target, []*view.Revision, error) {
	target, err := cluster.Target(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	recorded, err := cluster.Revisions(ctx, target, h.operatorNamespace)
	if err != nil {
		return nil, nil, err
	}
	history, err := target.History(recorded)
	return target, history, err
}

func (c *cli) history(ctx context.Context, o *historyOptions, args []string) error {
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
	if o.revision != 0 {
		return c.oneRevision(o, target, history)
	}
	names := make([]string, len(history))
	for i, r := range history {
		names[i] = "controllerrevision.apps/" + r.Name
	}
	if done, err := c.items(&o.output, history, names); done || err != nil {
		return err
	}
	if len(history) == 0 {
		c.say("No revision of %s is recorded yet.", ref)
		return nil
	}
	return c.printer().History(history)
}

func (c *cli) oneRevision(o *historyOptions, target *view.Target, history []*view.Revision) error {
	revision, err := view.Find(history, o.revision)
	if err != nil {
		return fmt.Errorf("%s: %w", target.Ref(), err)
	}
	switch o.format {
	case "name":
		c.say("controllerrevision.apps/%s", revision.Name)
		return nil
	case "json", "yaml":
		recorded, err := revision.Recorded()
		if err != nil {
			return err
		}
		return c.encode(&o.output, map[string]any{"spec": recorded})
	}
	diff, err := revision.Diff()
	if err != nil {
		return err
	}
	if diff == "" {
		c.say("Revision %d of %s is what it says now.", revision.Number, target.Ref())
		return nil
	}
	c.printer().Diff(diff)
	return nil
}
