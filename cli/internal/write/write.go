// SPDX-License-Identifier: Apache-2.0

// Package write carries changes out, and refuses those that Git would take back.
package write

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// fieldManager is by what the API server knows who wrote a field.
const fieldManager = "kubectl-windlass"

// Options are how a change is made.
type Options struct {
	// Force writes although Argo CD or Flux manages the object and may take it back.
	Force bool
	// DryRun has the API server and the webhooks check the change, and store nothing.
	DryRun bool
}

// Object is the object with all of its fields, also those that this program does not know: so far only its name.
func Object(ref view.Ref, stored metav1.Object) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(read.VersionOf(ref.Kind).WithKind(ref.Kind.Title()))
	out.SetNamespace(stored.GetNamespace())
	out.SetName(stored.GetName())
	return out
}

// Change makes a change of a stored object and returns the object as it is now. It refuses one of an object that Git
// manages, unless it is forced: then warning says what to commit.
func Change(
	ctx context.Context, c client.Client, ref view.Ref, stored metav1.Object, change view.Change, o Options,
) (object *unstructured.Unstructured, warning string, err error) {
	object = Object(ref, stored)
	if manager := view.ManagedBy(stored); manager != nil {
		if !o.Force {
			return nil, "", fmt.Errorf("%s Nothing was written. Commit instead:\n  %s\nTo write it all the same: --force",
				manager.Claim(ref), change.ToCommit())
		}
		warning = fmt.Sprintf("%s is managed by %s, which may take this back; to keep it, commit:\n  %s", ref, manager, change.ToCommit())
	}
	options := []client.PatchOption{client.FieldOwner(fieldManager)}
	if o.DryRun {
		options = append(options, client.DryRunAll)
	}
	if err := c.Patch(ctx, object, client.RawPatch(change.Type, change.Data), options...); err != nil {
		return nil, warning, notWritten(ref, err)
	}
	return object, warning, nil
}

// notWritten says in a sentence why nothing was written.
func notWritten(ref view.Ref, err error) error {
	if apierrors.IsInvalid(err) && strings.Contains(err.Error(), "testing value") || apierrors.IsConflict(err) {
		return fmt.Errorf("%s was changed by somebody else meanwhile; nothing was written, try again: %w", ref, err)
	}
	return fmt.Errorf("%s was not changed: %w", ref, err)
}
