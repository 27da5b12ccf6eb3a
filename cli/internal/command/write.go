// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/cli/internal/write"
)

// writeOptions are the flags of commands that write.
type writeOptions struct {
	output
	force  bool
	dryRun string
}

func (o *writeOptions) add(cmd *cobra.Command) {
	o.output.add(cmd)
	cmd.Flags().BoolVar(&o.force, "force", false, "Write although Argo CD or Flux manages the object and may take it back.")
	cmd.Flags().StringVar(&o.dryRun, "dry-run", "none",
		"none, or server: have the API server and the webhooks check the change, and store nothing.")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{"none", "server"}, cobra.ShellCompDirectiveNoFileComp))
}

func (o *writeOptions) check() error {
	if o.dryRun != "none" && o.dryRun != "server" {
		return usage("--dry-run=%s: must be none or server", o.dryRun)
	}
	return o.output.check()
}

// changing are the kinds that can be changed.
var changing = []view.Kind{view.SidecarSet, view.StatefulSet}

// objects reads the names of objects to be changed.
func (o *writeOptions) objects(args []string) ([]view.Ref, error) {
	refs, err := view.ParseRefs(args, changing...)
	if err != nil {
		return nil, asUsage(err)
	}
	if len(refs) == 0 || refs[0].Name == "" {
		return nil, usage("name what to change, such as sidecarset/mesh or asts/web")
	}
	return refs, o.check()
}

// each changes objects, one after the other. One that cannot be changed keeps nobody else from it.
func (c *cli) each(ctx context.Context, o *writeOptions, args []string, change func(*view.Target) (view.Change, error)) error {
	refs, err := o.objects(args)
	if err != nil {
		return err
	}
	cluster, err := c.cluster(false)
	if err != nil {
		return err
	}
	var errs []error
	for _, ref := range refs {
		target, err := cluster.Target(ctx, ref)
		if err == nil {
			var made view.Change
			if made, err = change(target); err == nil {
				err = c.write(ctx, cluster, o, ref, target.Object(), made)
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// write makes a change and says what it was.
func (c *cli) write(
	ctx context.Context, cluster *read.Cluster, o *writeOptions, ref view.Ref, stored metav1.Object, change view.Change,
) error {
	if len(change.Data) == 0 {
		object := write.Object(ref, stored)
		if o.format == "" || o.format == "name" {
			return c.written(o, ref, object, change.Text)
		}
		return errors.Join(cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object), c.written(o, ref, object, ""))
	}
	object, warning, err := write.Change(ctx, cluster.Client, ref, stored, change, write.Options{Force: o.force, DryRun: o.dryRun == "server"})
	if warning != "" {
		c.warn(errors.New(warning))
	}
	if err != nil {
		return err
	}
	return c.written(o, ref, object, change.Text)
}

func (c *cli) written(o *writeOptions, ref view.Ref, object *unstructured.Unstructured, text string) error {
	switch o.format {
	case "":
		if o.dryRun == "server" {
			text = "(server dry run) " + text
		}
		c.say("%s", text)
		return nil
	case "name":
		c.say("%s/%s", ref.Kind.Resource(), ref.Name)
		return nil
	}
	object.SetManagedFields(nil) // as kubectl does
	return c.encode(&o.output, object.Object)
}
