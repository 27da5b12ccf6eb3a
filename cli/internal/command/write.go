// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// fieldManager is by what the API server knows who wrote a field.
const fieldManager = "kubectl-windlass"

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
	object := raw(ref, stored)
	if len(change.Data) == 0 {
		if o.format == "" || o.format == "name" {
			return c.written(o, ref, object, change.Text)
		}
		return errors.Join(cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object), c.written(o, ref, object, ""))
	}
	if manager := view.ManagedBy(stored); manager != nil {
		commit := strings.Join(change.Commit, "\n  ")
		if !o.force {
			return fmt.Errorf("%s is managed by %s, which may bring it back to what Git says. Nothing was written. Commit instead:\n  %s\n"+
				"To write it all the same: --force", ref, manager, commit)
		}
		c.warn(fmt.Errorf("%s is managed by %s, which may take this back; to keep it, commit:\n  %s", ref, manager, commit))
	}
	options := []client.PatchOption{client.FieldOwner(fieldManager)}
	if o.dryRun == "server" {
		options = append(options, client.DryRunAll)
	}
	if err := cluster.Patch(ctx, object, client.RawPatch(change.Type, change.Data), options...); err != nil {
		return notWritten(ref, err)
	}
	return c.written(o, ref, object, change.Text)
}

// notWritten says in a sentence why nothing was written.
func notWritten(ref view.Ref, err error) error {
	if apierrors.IsInvalid(err) && strings.Contains(err.Error(), "testing value") || apierrors.IsConflict(err) {
		return fmt.Errorf("%s was changed by somebody else meanwhile; nothing was written, try again: %w", ref, err)
	}
	return fmt.Errorf("%s was not changed: %w", ref, err)
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

// raw is the object with all of its fields, also those that this program does not know.
func raw(ref view.Ref, stored metav1.Object) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(read.VersionOf(ref.Kind).WithKind(ref.Kind.Title()))
	out.SetNamespace(stored.GetNamespace())
	out.SetName(stored.GetName())
	return out
}
