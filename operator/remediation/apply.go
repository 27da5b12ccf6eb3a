// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/operator/apply"
)

// writer is the part of a client that carries plans out.
type writer interface {
	Create(ctx context.Context, object client.Object, options ...client.CreateOption) error
	Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error
	Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error
	Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error
}

// executor carries plans out. It is the only one that writes.
type executor struct {
	writer writer
	// home is the operator's own namespace, where the ledger is kept.
	home string
}

// apply does what a plan says now. It returns apply.IsStale errors where something is no longer as the snapshot had it.
func (e *executor) apply(ctx context.Context, s *Snapshot, plan *Plan) error {
	if plan.Ledger != nil {
		if err := e.enter(ctx, s, plan.Ledger); err != nil {
			return err
		}
	}
	switch {
	case plan.Write != nil:
		return e.write(ctx, s, plan)
	case plan.Remove:
		return e.remove(ctx, s)
	case plan.Delete != nil:
		return e.delete(ctx, plan.Delete)
	}
	return nil
}

// write stores the SchedPatch, if nobody else has changed it meanwhile. Rules and record are one write, so neither is
// ever without the other.
func (e *executor) write(ctx context.Context, s *Snapshot, plan *Plan) error {
	wanted := plan.Write.DeepCopy()
	if s.Patch == nil {
		if err := e.writer.Create(ctx, wanted); err != nil {
			return fmt.Errorf("create SchedPatch %s: %w", wanted.Name, err)
		}
		return nil
	}
	patch := client.MergeFromWithOptions(s.Patch, client.MergeFromWithOptimisticLock{})
	return apply.Wrap(e.writer.Patch(ctx, wanted, patch), "change SchedPatch %s", wanted.Name)
}

// enter stores the ledger, if nobody else has changed it meanwhile. It is always read live, so no cache has to see the
// write: one of Leases would take the right to watch those of the whole cluster.
func (e *executor) enter(ctx context.Context, s *Snapshot, ledger *Ledger) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: e.home, Name: LedgerName, ResourceVersion: s.LedgerVersion, Annotations: map[string]string{ledgerAnnotation: ledger.String()},
	}}
	if s.LedgerVersion == "" {
		if err := e.writer.Create(ctx, lease, client.DisableReadYourWritesConsistency); err != nil {
			return fmt.Errorf("create Lease %s/%s, the ledger of auto remediation: %w", e.home, LedgerName, err)
		}
		return nil
	}
	err := e.writer.Update(ctx, lease, client.DisableReadYourWritesConsistency)
	return apply.Wrap(err, "change Lease %s/%s, the ledger of auto remediation", e.home, LedgerName)
}

// remove deletes the SchedPatch, which has nothing left to remember.
func (e *executor) remove(ctx context.Context, s *Snapshot) error {
	object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: s.Patch.Namespace, Name: s.Patch.Name}}
	object.SetGroupVersionKind(patchKind)
	return apply.Wrap(client.IgnoreNotFound(e.writer.Delete(ctx, object, apply.Seen(s.Patch, true))), "delete SchedPatch %s", s.Patch.Name)
}

// delete deletes a Pod, only if it is exactly as it was seen: a container that has started since changes it.
func (e *executor) delete(ctx context.Context, d *Deletion) error {
	return apply.Wrap(e.writer.Delete(ctx, apply.Identity(d.Pod), apply.Seen(d.Pod, true)), "delete Pod %s", d.Pod.Name)
}

// outdated reports whether a write failed because the snapshot is no longer true. The next one will be.
func outdated(err error) bool { return apply.IsStale(err) || apierrors.IsAlreadyExists(err) }
