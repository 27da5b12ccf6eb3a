// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/show"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

type treeOptions struct {
	output
	watch, all bool
}

func (c *cli) treeCommand() *cobra.Command {
	o := &treeOptions{}
	cmd := &cobra.Command{
		Use:   "tree sidecarset/NAME | asts/NAME | schedpatch/NAME",
		Short: "An object and its Pods: at which revision they are, what blocks them, and what they wait for",
		Long: "An object and its Pods, grouped by revision, what is worst first; Pods without the sidecars, or without the patch, " +
			"by the reason; and what the kubelet or the scheduler says of those that do not serve.",
		Example:           "  kubectl windlass tree sidecarset/mesh -w\n  kubectl windlass tree asts/web -n shop --all",
		RunE:              func(cmd *cobra.Command, args []string) error { return c.tree(cmd.Context(), o, args) },
		ValidArgsFunction: c.completeObjects(view.Kinds...),
	}
	o.add(cmd)
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Show it again whenever it changes.")
	cmd.Flags().BoolVar(&o.all, "all", false, "All Pods, and not only the first ten of each group.")
	return cmd
}

func (c *cli) tree(ctx context.Context, o *treeOptions, args []string) error {
	refs, err := view.ParseRefs(args, view.Kinds...)
	if err != nil {
		return asUsage(err)
	}
	if len(refs) != 1 || refs[0].Name == "" {
		return usage("name one object, such as sidecarset/mesh, asts/web or schedpatch/spot")
	}
	if err := o.check(); err != nil {
		return err
	}
	if o.watch && o.format != "" {
		return usage("--watch does not go with --output")
	}
	cluster, err := c.cluster(false)
	if err != nil {
		return err
	}
	look := func(ctx context.Context) (*view.Tree, error) {
		tree, unread, err := cluster.Tree(ctx, refs[0], c.Now())
		c.warn(unread...)
		return tree, err
	}
	if o.watch {
		return c.watch(ctx, func(ctx context.Context) (printed, error) {
			tree, err := look(ctx)
			return func(p *show.Printer) error { return p.Tree(tree, o.all) }, err
		})
	}
	tree, err := look(ctx)
	if err != nil {
		return err
	}
	switch o.format {
	case "":
		return c.printer().Tree(tree, o.all)
	case "name":
		_, err := c.items(&o.output, nil, podNames(tree))
		return err
	}
	return c.encode(&o.output, tree)
}

func podNames(tree *view.Tree) []string {
	var out []string
	for _, group := range tree.Groups {
		for i := range group.Pods {
			out = append(out, "pod/"+group.Pods[i].Name)
		}
	}
	return out
}
