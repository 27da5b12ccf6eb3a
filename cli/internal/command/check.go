// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"
	kubeversion "k8s.io/component-base/version"

	"github.com/windlass-operator/windlass/charts"
	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/program"
)

type checkOptions struct {
	output
	pre       bool
	release   charts.Release
	namespace string
}

func (c *cli) checkCommand() *cobra.Command {
	o := &checkOptions{}
	cmd := &cobra.Command{
		Use:   "check [--pre]",
		Short: "Whether the cluster is fit, and the installation sound",
		Long: "Whether the cluster is fit for Windlass, and whether the installation in it works: each check with its verdict, and what to " +
			"do. With --pre, before an installation: what stands in its way, in the words in which the chart refuses.\n\n" +
			"Nothing is written. What you may not read is not checked, and the right that is missing is named. It ends with 1 when something " +
			"failed; warnings, and what was not checked, are fine.",
		Example: "  kubectl windlass check --pre\n  kubectl windlass check",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.check(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "What to print instead of text for people: json or yaml.")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	flags := cmd.Flags()
	flags.BoolVar(&o.pre, "pre", false, "Before an installation: is there anything against it.")
	flags.StringVar(&o.release.Name, "release", charts.Windlass, "With --pre: the name of the Helm release that is to be installed.")
	flags.BoolVar(&o.release.Adopt, "adopt-crds", false, "With --pre: it is to be installed with the value crds.adopt=true.")
	flags.StringVar(&o.namespace, "operator-namespace", "",
		"Namespace of the installation. Without it, it is looked for, or is to be windlass-system.")
	return cmd
}

func (o *checkOptions) check() error {
	switch {
	case o.format == "name":
		return usage("--output=name: must be json or yaml")
	case !o.pre && (o.release.Adopt || o.release.Name != charts.Windlass):
		return usage("--release and --adopt-crds go with --pre only")
	}
	return o.output.check()
}

func (c *cli) check(ctx context.Context, o *checkOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	inspector, err := c.Inspect(c.flags)
	if err != nil {
		return err
	}
	inspector.Clock, inspector.Namespace = c.Now, o.namespace
	facts, err := inspector.Cluster(ctx)
	if err != nil {
		return err
	}
	if o.pre {
		o.release.Namespace = cmp.Or(o.namespace, read.UsualNamespace)
		inspector.Before(ctx, facts, o.release)
	} else {
		inspector.After(ctx, facts)
	}
	facts.Plugin, facts.Newest = program.Version, kubeversion.DefaultKubeBinaryVersion
	return c.checked(o, view.CheckAll(facts))
}

// checked prints what came of checks.
func (c *cli) checked(o *checkOptions, checks []view.Check) error {
	done, err := c.items(&o.output, checks, nil)
	if err != nil {
		return err
	}
	if !done {
		c.printer().Checks(checks)
	}
	if view.FailedIn(checks) {
		return codeError(codeWrong)
	}
	return nil
}
