// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

type versionsOptions struct {
	output
	historyFlags
	all bool
}

func (c *cli) versionsCommand() *cobra.Command {
	o := &versionsOptions{}
	cmd := &cobra.Command{
		Use:   "versions [sidecarset/NAME ...]",
		Short: "Which Pod runs which version of which sidecar",
		Long: "Which Pod runs which version of which sidecar: the Pods of the namespace (-A: of all) that carry sidecars of a SidecarSet, " +
			"or of those that are named.",
		Example:           "  kubectl windlass versions -A\n  kubectl windlass versions sidecarset/mesh -n shop",
		RunE:              func(cmd *cobra.Command, args []string) error { return c.versions(cmd.Context(), o, args) },
		ValidArgsFunction: c.completeObjects(view.SidecarSet),
	}
	o.output.add(cmd)
	o.historyFlags.add(cmd)
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "Those of all namespaces.")
	return cmd
}

func (c *cli) versions(ctx context.Context, o *versionsOptions, args []string) error {
	refs, err := view.ParseRefs(args, view.SidecarSet)
	if err != nil {
		return asUsage(err)
	}
	if err := o.check(); err != nil {
		return err
	}
	cluster, err := c.cluster(o.all)
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		refs = []view.Ref{{Kind: view.SidecarSet}}
	}
	objects, err := cluster.Get(ctx, refs)
	if err != nil {
		return err
	}
	versions := []view.Version{}
	for i := range objects.SidecarSets {
		found, err := c.versionsOf(ctx, cluster, o, &view.Target{SidecarSet: &objects.SidecarSets[i]})
		if err != nil {
			return err
		}
		versions = append(versions, found...)
	}
	names := make([]string, len(versions))
	for i := range versions {
		names[i] = "pod/" + versions[i].Pod
	}
	if done, err := c.items(&o.output, versions, names); done || err != nil {
		return err
	}
	if len(versions) == 0 {
		c.say("No Pod carries such sidecars %s.", where(cluster))
		return nil
	}
	return c.printer().Versions(versions, o.all)
}

// versionsOf reads the Pods of the scope that have sidecars of a set.
func (c *cli) versionsOf(ctx context.Context, cluster *read.Cluster, o *versionsOptions, target *view.Target) ([]view.Version, error) {
	set, err := sidecar.Compile(target.SidecarSet)
	if err != nil {
		c.warn(err)
		return nil, nil
	}
	pods, err := cluster.Carriers(ctx, set)
	if err != nil {
		return nil, err
	}
	revisions, err := cluster.Revisions(ctx, target, o.operatorNamespace)
	if err != nil { // then a Pod's own word is all there is
		c.warn(err)
	}
	return view.Versions(set, pods, revisions), nil
}
