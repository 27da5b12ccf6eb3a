// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/view"
)

func (c *cli) whyCommand() *cobra.Command {
	o := &output{}
	cmd := &cobra.Command{
		Use:   "why pod/NAME | deploy/NAME | KIND/NAME",
		Short: "Why Pods have their sidecars and scheduling rules, or have not, and what to type",
		Long: "For every SidecarSet and every SchedPatch: whether the Pods of an object have it, and why not. The object is a Pod, or whatever " +
			"owns Pods, itself or through others: a Deployment, a StatefulSet of either group, a Job, a CronJob, a Rollout, ...",
		Example: "  kubectl windlass why pod/web-7d9-x2\n  kubectl windlass why deploy/web -n shop",
		RunE:    func(cmd *cobra.Command, args []string) error { return c.why(cmd.Context(), o, args) },

		ValidArgsFunction: c.completeSubject,
	}
	o.add(cmd)
	return cmd
}

// oneObject reads kind/name, or kind name.
func oneObject(args []string) (kind, name string, err error) {
	if len(args) == 1 {
		args = strings.SplitN(args[0], "/", 2)
	}
	if len(args) != 2 || args[0] == "" || args[1] == "" || strings.Contains(args[1], "/") {
		return "", "", usage("name one object: pod/NAME, or whatever owns the Pods, such as deploy/NAME")
	}
	return args[0], args[1], nil
}

func (c *cli) why(ctx context.Context, o *output, args []string) error {
	kind, name, err := oneObject(args)
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
	subject, err := cluster.Subject(ctx, kind, name)
	if err != nil {
		return err
	}
	around, unread := cluster.Surroundings(ctx, subject)
	c.warn(unread...)
	why := view.Explain(subject, around, c.Now())
	switch o.format {
	case "":
		return c.printer().Why(why)
	case "name":
		_, err := c.items(o, nil, why.Applied())
		return err
	}
	return c.encode(o, why)
}
