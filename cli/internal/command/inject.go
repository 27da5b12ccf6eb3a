// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/cli/internal/offline"
)

type injectOptions struct {
	output
	files    []string
	labels   map[string]string
	at       string
	exitCode bool
}

func (c *cli) injectCommand() *cobra.Command {
	o := &injectOptions{}
	cmd := &cobra.Command{
		Use:   "inject -f FILE ...",
		Short: "Without a cluster: Pods as they are with their sidecars",
		Long: "The Pods of manifests as the webhook would inject them with the SidecarSets of the manifests, by the webhook's own code " +
			"and without a cluster. Of a Deployment, or whatever else has a Pod template, the Pod that it would make. Warnings are written to the " +
			"standard error; a Pod that would be refused is an error.\n\n" +
			"Namespaces have the labels that their manifests give them, or --namespace-labels. The Pods have their defaults, as the API server " +
			"gives them before it asks a webhook, but nothing of what other admission does: no volume for a service account's token.",
		Example: "  kubectl windlass inject -f pod.yaml -f sidecarset.yaml\n  helm template . | kubectl windlass inject -f - --exit-code",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.inject(cmd.Context(), o) },
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.StringSliceVarP(&o.files, "filename", "f", nil, "A file of manifests in YAML or JSON; - is the standard input. May be repeated.")
	flags.StringToStringVar(&o.labels, "namespace-labels", nil, "Labels of namespaces that no manifest describes, such as inject=on.")
	flags.StringVar(&o.at, "at", "", "The time that the Pods' records say, such as 2026-01-02T03:04:05Z. Now by default.")
	flags.BoolVar(&o.exitCode, "exit-code", false, "End with 1 when there is a warning, as of a SidecarSet that is left out.")
	return cmd
}

func (o *injectOptions) check(now time.Time) (time.Time, error) {
	if len(o.files) == 0 {
		return now, usage("name the manifests with -f")
	}
	if err := o.output.check(); err != nil || o.at == "" {
		return now, err
	}
	at, err := time.Parse(time.RFC3339, o.at)
	if err != nil {
		return now, usage("--at=%s: must be a time such as 2026-01-02T03:04:05Z", o.at)
	}
	return at, nil
}

func (c *cli) inject(ctx context.Context, o *injectOptions) error {
	at, err := o.check(c.Now())
	if err != nil {
		return err
	}
	files, err := offline.Read(o.files, c.In)
	if err != nil {
		return err
	}
	if len(files.Pods) == 0 {
		return fmt.Errorf("there is no Pod in these manifests, and nothing that makes Pods from a template")
	}
	pods, err := offline.Inject(ctx, files, offline.Options{Namespace: c.offlineNamespace(), Labels: o.labels, Now: at})
	if err != nil {
		return err
	}
	return c.injected(o, pods)
}

// injected prints what became of Pods.
func (c *cli) injected(o *injectOptions, pods []*offline.Injected) error {
	code, warned := error(nil), false
	for i, pod := range pods {
		for _, warning := range pod.Warnings {
			warned = true
			fmt.Fprintf(c.ErrOut, "warning: Pod %s: %s\n", pod.Name, warning)
		}
		if pod.Unserved {
			fmt.Fprintf(c.ErrOut, "Pod %s: the webhooks do not serve its namespace, since the label says so.\n", pod.Name)
		}
		if pod.Refused != "" {
			fmt.Fprintf(c.ErrOut, "error: Pod %s would be refused: %s\n", pod.Name, pod.Refused)
			code = codeError(codeWrong)
			continue
		}
		if err := c.manifest(o, pod, i == 0); err != nil {
			return err
		}
	}
	if o.exitCode && warned {
		code = codeError(codeWrong)
	}
	return code
}

// manifest prints a Pod.
func (c *cli) manifest(o *injectOptions, pod *offline.Injected, first bool) error {
	if o.format == "name" {
		c.say("pod/%s", pod.Name)
		return nil
	}
	delete(pod.Object, "status")
	if o.format == "json" {
		data, err := json.MarshalIndent(pod.Object, "", "  ")
		c.say("%s", data)
		return err
	}
	data, err := yaml.Marshal(pod.Object)
	if !first {
		c.say("---")
	}
	fmt.Fprintf(c.Out, "%s", data)
	return err
}
