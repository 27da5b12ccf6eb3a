// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/cli/internal/offline"
	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

type previewOptions struct {
	output
	historyFlags
	files []string
	all   bool
}

func (c *cli) previewCommand() *cobra.Command {
	o := &previewOptions{}
	cmd := &cobra.Command{
		Use:   "preview -f FILE ...",
		Short: "What a change would do, Pod by Pod, before it is applied",
		Long: "What would become of each Pod if the SidecarSets and StatefulSets of apps.kruise.io in manifests were applied: updated in " +
			"place, and what restarts; created anew, and because of which field; kept as it is, and why. The operator's own code says so, of " +
			"the cluster as it is now, for the rollout as a whole. Of SchedPatches: which nodes new Pods keep and lose. Nothing is written: " +
			"the API server and the webhooks check the change by a dry run.\n\n" +
			"It ends with 1 when a change would be refused.",
		Example: "  kubectl windlass preview -f mesh.yaml\n  kustomize build . | kubectl windlass preview -f - -n shop --all",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.preview(cmd.Context(), o) },
	}
	o.output.add(cmd)
	o.historyFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringSliceVarP(&o.files, "filename", "f", nil, "A file of manifests in YAML or JSON; - is the standard input. May be repeated.")
	flags.BoolVar(&o.all, "all", false, "All Pods, and not only the first ten of each group.")
	return cmd
}

func (c *cli) preview(ctx context.Context, o *previewOptions) error {
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
	cluster, err := c.cluster(false)
	if err != nil {
		return err
	}
	previews, err := c.previews(ctx, cluster, o, documents)
	if err != nil {
		return err
	}
	if len(previews) == 0 {
		return errNothingOfOurs
	}
	return c.previewed(o, previews)
}

// previews are those of the documents that are ours.
func (c *cli) previews(
	ctx context.Context, cluster *read.Cluster, o *previewOptions, documents []*offline.Document,
) ([]*view.Preview, error) {
	canResize, err := c.CanResize(ctx, c.flags)
	if err != nil {
		return nil, err
	}
	foresight, err := cluster.Foresee(ctx, o.operatorNamespace, canResize, c.Now())
	if err != nil {
		return nil, err
	}
	var out []*view.Preview
	for _, document := range documents {
		if view.KindOf(document.Object) == "" {
			continue
		}
		preview, err := c.previewOf(ctx, cluster, foresight, document)
		if err != nil {
			return nil, err
		}
		out = append(out, preview)
	}
	c.warn(foresight.Unread()...)
	return out, nil
}

func (c *cli) previewOf(
	ctx context.Context, cluster *read.Cluster, foresight *read.Foresight, document *offline.Document,
) (*view.Preview, error) {
	proposal, out, err := c.propose(ctx, cluster, document)
	if err != nil || out.Refused != "" {
		return out, err
	}
	proposal.Settle(metav1.NewTime(c.Now()))
	if err := foresight.Preview(ctx, proposal, out); err != nil {
		return nil, fmt.Errorf("%s: %w", out.Ref(), err)
	}
	return out, nil
}

// previewed prints previews. -o name names the Pods that the operator would change.
func (c *cli) previewed(o *previewOptions, previews []*view.Preview) error {
	var names []string
	var code error
	for _, preview := range previews {
		for _, pod := range preview.Changed() {
			names = append(names, "pod/"+pod)
		}
		if preview.Refused != "" {
			code = codeError(codeWrong)
		}
	}
	done, err := c.items(&o.output, previews, names)
	if err != nil || done {
		return cmp.Or(err, code)
	}
	for i, preview := range previews {
		if i > 0 {
			c.say("")
		}
		c.printer().Preview(preview, o.all)
	}
	return code
}
