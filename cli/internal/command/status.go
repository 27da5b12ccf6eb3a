// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/show"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

type statusOptions struct {
	output
	all, watch, exitCode bool
}

func (c *cli) statusCommand() *cobra.Command {
	o := &statusOptions{}
	cmd := &cobra.Command{
		Use:   "status [sidecarset/NAME | asts/NAME | schedpatch/NAME ...]",
		Short: "How rollouts stand: a table of all, or one of them at length",
		Long: "How rollouts stand. Without a name: a table of the SidecarSets of the cluster, and of the StatefulSets and SchedPatches " +
			"of the namespace (-A: of all). With one: also what its conditions say, and what its Pods wait for.\n\n" +
			"LEFT is about how much longer a rollout takes at the pace that it has had since it began, or went on, to roll.",
		Example: "  kubectl windlass status -A -w\n  kubectl windlass status sidecarset/mesh\n" +
			"  kubectl windlass status asts/web -n shop --exit-code",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.status(cmd.Context(), o, args)
		},
		ValidArgsFunction: c.completeObjects(view.Kinds...),
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&o.all, "all-namespaces", "A", false, "Those of all namespaces.")
	flags.BoolVarP(&o.watch, "watch", "w", false, "Show it again whenever it changes.")
	flags.BoolVar(&o.exitCode, "exit-code", false, "End with 1 when something is stalled, does not serve, or lacks its sidecars.")
	return cmd
}

func (c *cli) status(ctx context.Context, o *statusOptions, args []string) error {
	refs, err := view.ParseRefs(args, view.Kinds...)
	if err != nil {
		return asUsage(err)
	}
	if err := o.check(refs); err != nil {
		return err
	}
	cluster, err := c.cluster(o.all)
	if err != nil {
		return err
	}
	if o.watch {
		return c.watch(ctx, func(ctx context.Context) (printed, error) {
			rows, err := c.rollouts(ctx, cluster, refs)
			return func(p *show.Printer) error { return printRollouts(p, o, refs, rows) }, err
		})
	}
	rows, err := c.rollouts(ctx, cluster, refs)
	if err != nil {
		return err
	}
	if done, err := c.items(&o.output, rows, namesOf(rows)); done || err != nil {
		return cmp.Or(err, o.code(rows))
	}
	if len(rows) == 0 {
		c.say("There is nothing of that kind %s.", where(cluster))
		return nil
	}
	if err := printRollouts(c.printer(), o, refs, rows); err != nil {
		return err
	}
	return o.code(rows)
}

// check refuses flags that do not go with each other, or with what is named.
func (o *statusOptions) check(refs []view.Ref) error {
	named := slices.IndexFunc(refs, func(ref view.Ref) bool { return ref.Name != "" && ref.Kind.Namespaced() })
	switch {
	case o.all && named >= 0:
		return usage("%s is named, which -A does not go with; name its namespace with -n", refs[named])
	case o.watch && (o.format != "" || o.exitCode):
		return usage("--watch goes with neither --output nor --exit-code")
	}
	return o.output.check()
}

// code is the exit code that was asked for.
func (o *statusOptions) code(rows []*view.Rollout) error {
	wrong := func(r *view.Rollout) bool { return r.Health == view.Wrong }
	if o.exitCode && slices.ContainsFunc(rows, wrong) {
		return codeError(codeWrong)
	}
	return nil
}

func printRollouts(p *show.Printer, o *statusOptions, refs []view.Ref, rows []*view.Rollout) error {
	if len(rows) == 1 && len(refs) == 1 && refs[0].Name != "" {
		return p.Rollout(rows[0])
	}
	return p.Rollouts(rows, o.all)
}

// where is where nothing was found.
func where(cluster *read.Cluster) string {
	if cluster.Scope.All {
		return "in any namespace"
	}
	return "in namespace " + cluster.Scope.Namespace
}

// rollouts are the rows of objects.
func (c *cli) rollouts(ctx context.Context, cluster *read.Cluster, refs []view.Ref) ([]*view.Rollout, error) {
	rows, unread, err := cluster.Rollouts(ctx, refs, c.Now())
	c.warn(unread...)
	return rows, err
}

func namesOf(rows []*view.Rollout) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Kind.Resource() + "/" + r.Name
	}
	return out
}
