// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

type exclusionsOptions struct {
	writeOptions
	all  bool
	lift string
}

func (c *cli) exclusionsCommand() *cobra.Command {
	o := &exclusionsOptions{}
	cmd := &cobra.Command{
		Use:   "exclusions",
		Short: "Nodes that auto remediation keeps Pods from, since when, why, and until when",
		Long: "Nodes that auto remediation keeps the Pods of StatefulSets from, in the namespace (-A: in all). With --lift the exclusion " +
			"of one of them is ended; should Pods fail there again, it is excluded again, for longer.",
		Example: "  kubectl windlass exclusions -A\n  kubectl windlass exclusions --lift node-7 -n shop",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.exclusions(cmd.Context(), o) },
	}
	o.add(cmd)
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "Those of all namespaces.")
	cmd.Flags().StringVar(&o.lift, "lift", "", "The node whose exclusion is to end.")
	return cmd
}

func (c *cli) exclusions(ctx context.Context, o *exclusionsOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	cluster, err := c.cluster(o.all)
	if err != nil {
		return err
	}
	objects, err := cluster.Get(ctx, []view.Ref{{Kind: view.SchedPatch}})
	if err != nil {
		return err
	}
	exclusions, unreadable := view.Exclusions(objects.SchedPatches, c.Now())
	c.warn(unreadable...)
	if o.lift != "" {
		return c.lift(ctx, cluster, o, exclusions)
	}
	names := make([]string, len(exclusions))
	for i := range exclusions {
		names[i] = "node/" + exclusions[i].Node
	}
	if done, err := c.items(&o.output, exclusions, names); done || err != nil {
		return err
	}
	if len(exclusions) == 0 {
		c.say("No node is excluded %s.", where(cluster))
		return nil
	}
	return c.printer().Exclusions(exclusions, o.all)
}

// lift ends the exclusions of a node.
func (c *cli) lift(ctx context.Context, cluster *read.Cluster, o *exclusionsOptions, exclusions []view.Exclusion) error {
	found := false
	var errs []error
	for i := range exclusions {
		e := &exclusions[i]
		if e.Node != o.lift {
			continue
		}
		found = true
		change, err := e.Lift(c.Now())
		if err == nil {
			err = c.write(ctx, cluster, &o.writeOptions, view.Ref{Kind: view.SchedPatch, Name: e.Patch().Name}, e.Patch(), change)
		}
		errs = append(errs, err)
	}
	if !found {
		return fmt.Errorf("node %s is not excluded %s", o.lift, where(cluster))
	}
	return errors.Join(errs...)
}
