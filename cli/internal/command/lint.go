// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/offline"
	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

type lintOptions struct {
	output
	files              []string
	labels             map[string]string
	policy, patchRules string
	tolerations        []string
	exitCode           bool
}

func (c *cli) lintCommand() *cobra.Command {
	o := &lintOptions{}
	cmd := &cobra.Command{
		Use:   "lint -f FILE ...",
		Short: "Without a cluster: what the API server and the webhooks would say of manifests",
		Long: "Whether the SidecarSets, StatefulSets of apps.kruise.io and SchedPatches of manifests would be taken, and with which " +
			"warnings: by the schema and the rules of their definitions, and then by the webhooks' own code. Unknown fields, and keys " +
			"that are there twice, are named. The objects are taken for new ones; what is not in the manifests, such as a StorageClass, " +
			"is taken to be as they need it.\n\n" +
			"It ends with 1 when something would be refused.",
		Example: "  kubectl windlass lint -f sidecarset.yaml\n  helm template . | kubectl windlass lint -f - --exit-code",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.lint(cmd.Context(), o) },
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.StringSliceVarP(&o.files, "filename", "f", nil, "A file of manifests in YAML or JSON; - is the standard input. May be repeated.")
	flags.StringToStringVar(&o.labels, "namespace-labels", nil, "Labels of namespaces that no manifest describes, such as inject=on.")
	flags.StringVar(&o.policy, "policy", "", "The file of what SidecarSets may inject, as the chart writes it from sidecarSet.policy. "+
		"Without it nothing is denied.")
	flags.StringVar(&o.patchRules, "patch-rules", "", "The file of annotations that SidecarSets may patch, as the chart writes it from "+
		"sidecarSet.patchPodMetadata.")
	flags.StringSliceVar(&o.tolerations, "allowed-tolerations", nil, "Keys of taints that SchedPatches may tolerate although they are "+
		"refused by default.")
	flags.BoolVar(&o.exitCode, "exit-code", false, "End with 1 when there is a warning, too.")
	return cmd
}

var errNothingOfOurs = errors.New("there is no SidecarSet, no StatefulSet of apps.kruise.io and no SchedPatch in these manifests")

func (c *cli) lint(ctx context.Context, o *lintOptions) error {
	if len(o.files) == 0 {
		return usage("name the manifests with -f")
	}
	if err := o.check(); err != nil {
		return err
	}
	documents, err := offline.ReadDocuments(o.files, c.In)
	if err != nil {
		return err
	}
	linted, err := offline.Lint(ctx, documents, offline.LintOptions{
		Options: offline.Options{Namespace: c.offlineNamespace(), Labels: o.labels, Now: c.Now()},
		Policy:  o.policy, PatchRules: o.patchRules, Tolerations: o.tolerations,
	})
	if err != nil {
		return err
	}
	if len(linted) == 0 {
		return errNothingOfOurs
	}
	return c.linted(o, linted)
}

// offlineNamespace is that of objects which name none, where no cluster is asked.
func (c *cli) offlineNamespace() string {
	if named := *c.flags.Namespace; named != "" {
		return named
	}
	return "default"
}

// linted prints what is said of objects. -o name names those that would be refused.
func (c *cli) linted(o *lintOptions, linted []*offline.Linted) error {
	var refused []string
	warnings := 0
	for _, object := range linted {
		warnings += len(object.Warnings)
		if len(object.Errors) > 0 {
			refused = append(refused, kindOf(object).Resource()+"/"+object.Name)
		}
	}
	done, err := c.items(&o.output, linted, refused)
	if err != nil {
		return err
	}
	if !done {
		palette := term.PaletteFor(c.Out)
		for _, object := range linted {
			c.findings(palette, object)
		}
		c.say("%s: %d refused, %s.", counted(len(linted), "object"), len(refused), counted(warnings, "warning"))
	}
	if len(refused) > 0 || o.exitCode && warnings > 0 {
		return codeError(codeWrong)
	}
	return nil
}

func (c *cli) findings(palette term.Palette, object *offline.Linted) {
	name := fmt.Sprintf("%s: %s", object.File, view.Ref{Kind: kindOf(object), Name: object.Name})
	for _, fault := range object.Errors {
		c.say("%s: %s: %s", name, palette.Paint(term.Bad, "refused"), fault)
	}
	for _, warning := range object.Warnings {
		c.say("%s: %s: %s", name, palette.Paint(term.Busy, "warning"), warning)
	}
}

// kindOf is the kind of an object, as the command line has it.
func kindOf(object *offline.Linted) view.Kind {
	at := slices.IndexFunc(view.Kinds, func(kind view.Kind) bool { return kind.Title() == object.Kind })
	return view.Kinds[at]
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
