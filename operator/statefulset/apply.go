// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/pullers"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// executor carries plans out. It is the only one that writes.
type executor struct {
	writer apply.Writer
	// live reads from the API server, not from a cache.
	live client.Reader
	// pullers have nodes pull images.
	pullers *pullers.Pullers
	// parallel is how many objects are written to at once at most.
	parallel int
}

// apply executes a plan. One refused action does not stop the others: the plan has counted all of them into its
// budgets. Revisions come first, since Pods are marked with their names; then Pods go before others are made, so that a
// quota has room.
func (e *executor) apply(ctx context.Context, set *v1beta1.StatefulSet, plan *Plan) *Outcome {
	o := &Outcome{}
	mayAdopt := sync.OnceValue(func() error { return e.stillThere(ctx, set) })
	if !e.applyRevisions(ctx, &plan.Revisions, mayAdopt, o) {
		return o
	}
	e.own(ctx, set, plan.Own, mayAdopt, o)
	apply.Each(ctx, e.parallel, plan.Claims, e.changeClaim, func(c ChangeClaim, err error) {
		if o.succeeded(err, &o.ClaimErrors) {
			o.Claimed = append(o.Claimed, c)
		}
	})
	apply.Each(ctx, e.parallel, plan.CreateClaims, e.createClaim, func(_ *corev1.PersistentVolumeClaim, err error) {
		o.succeeded(err, &o.CreateErrors)
	})
	deletePod := func(ctx context.Context, d DeletePod) error {
		done := ledger.Shown
		if d.Evict {
			done = ledger.Unseen
		}
		return refusal.Taking(plan.Takes, d.View.Pod, d.Takes, done, func() error { return e.deletePod(ctx, d) })
	}
	apply.Each(ctx, e.parallel, plan.Delete, deletePod, func(d DeletePod, err error) {
		o.note(d.View.Pod.UID, d.Toward, err)
		if o.succeeded(err, &o.DeleteErrors) {
			o.Deleted = append(o.Deleted, d)
		}
	})
	changePod := func(ctx context.Context, c ChangePod) error {
		return refusal.Taking(plan.Takes, c.View.Pod, c.Takes, ledger.Shown, func() error { return e.changePod(ctx, c) })
	}
	apply.Each(ctx, e.parallel, plan.Change, changePod, func(c ChangePod, err error) {
		refusals := &o.UpdateErrors
		if c.Toward != "" {
			refusals = &o.InPlaceErrors
			o.note(c.View.Pod.UID, c.Toward, err)
		}
		if c.Toward != "" && apply.NodeCannot(err) {
			o.Unresized = append(o.Unresized, c)
			return
		}
		if o.succeeded(err, refusals) {
			o.Changed = append(o.Changed, c)
		}
	})
	apply.Each(ctx, e.parallel, plan.Create, e.createPod, func(c CreatePod, err error) {
		if !apierrors.IsAlreadyExists(err) {
			o.note(creationOf(c.Pod.Name), c.Revision, err)
			if err != nil {
				o.rejected = c.Revision
			}
		}
		if o.succeeded(err, &o.CreateErrors) {
			o.Created, o.accepted = append(o.Created, c), c.Revision
		}
	})
	return o
}

// pull has nodes pull images ahead.
func (e *executor) pull(ctx context.Context, s *Snapshot, plan *Plan, o *Outcome) {
	done := e.pullers.Apply(ctx, s.Set, &plan.Pulls, s.Now, e.parallel)
	o.PullIn = done.In
	o.UpdateErrors = append(o.UpdateErrors, done.Failed...)
}

// wouldTake asks by dry run whether a Pod could be created. Its name is still taken, which is the last thing that the
// API server looks at. A quota may be full because of the very Pod that is to go, so that is no refusal.
func (e *executor) wouldTake(ctx context.Context, pod *corev1.Pod) error {
	err := e.writer.Create(ctx, pod.DeepCopy(), client.DryRunAll)
	if apierrors.IsAlreadyExists(err) || apply.NoDryRun(err) || apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota") {
		return nil
	}
	return err
}

// creationOf stands for a Pod that has no UID yet.
func creationOf(name string) types.UID { return types.UID("new Pod " + name) }

// applyRevisions keeps the history and reports whether Pods may be marked with the update revision: whether it is
// recorded.
func (e *executor) applyRevisions(ctx context.Context, plan *RevisionPlan, mayAdopt func() error, o *Outcome) bool {
	if plan.Create != nil {
		switch err := e.writer.Create(ctx, plan.Create.DeepCopy()); {
		case apierrors.IsAlreadyExists(err):
			o.Collided = true
			return false
		case err != nil:
			o.UpdateErrors = append(o.UpdateErrors, apply.Wrap(err, "create revision %s", plan.Create.Name))
			return false
		}
	}
	for _, change := range plan.Change {
		o.succeeded(e.changeRevision(ctx, change, mayAdopt), &o.UpdateErrors)
	}
	for _, r := range plan.Delete {
		err := client.IgnoreNotFound(e.writer.Delete(ctx, r.DeepCopy(), apply.Seen(r, false)))
		o.succeeded(apply.Wrap(err, "delete revision %s", r.Name), &o.UpdateErrors)
	}
	return true
}

func (e *executor) changeRevision(ctx context.Context, change ChangeRevision, mayAdopt func() error) error {
	if metav1.GetControllerOf(change.Old) == nil {
		if err := mayAdopt(); err != nil {
			return err
		}
	}
	patch := client.MergeFromWithOptions(change.Old, client.MergeFromWithOptimisticLock{})
	return apply.Wrap(e.writer.Patch(ctx, change.New.DeepCopy(), patch), "update revision %s", change.New.Name)
}

// own adopts and releases Pods.
func (e *executor) own(ctx context.Context, set *v1beta1.StatefulSet, pods []OwnPod, mayAdopt func() error, o *Outcome) {
	apply.Each(ctx, e.parallel, pods, func(ctx context.Context, p OwnPod) error {
		if p.Adopt {
			if err := mayAdopt(); err != nil {
				return err
			}
		}
		return e.changeOwner(ctx, set, p)
	}, func(p OwnPod, err error) {
		if o.succeeded(err, &o.UpdateErrors) {
			o.Owned = append(o.Owned, p)
		}
	})
}

// stillThere fails when a set may not adopt: one that is being deleted must not take back what its deletion has just
// let go, or that would be deleted with it, and the cache may not know of it yet. So the API server is asked.
func (e *executor) stillThere(ctx context.Context, set *v1beta1.StatefulSet) error {
	now := &metav1.PartialObjectMetadata{}
	now.SetGroupVersionKind(v1beta1.GroupVersion.WithKind("StatefulSet"))
	if err := e.live.Get(ctx, client.ObjectKeyFromObject(set), now); err != nil {
		return apply.Wrap(err, "see whether StatefulSet %s may adopt what has no controller", set.Name)
	}
	if now.UID != set.UID || now.DeletionTimestamp != nil {
		return apierrors.NewConflict(v1beta1.GroupVersion.WithResource("statefulsets").GroupResource(), set.Name,
			errors.New("it is being deleted, or is another one by now"))
	}
	return nil
}

func (e *executor) changeOwner(ctx context.Context, set *v1beta1.StatefulSet, p OwnPod) error {
	owners := make([]metav1.OwnerReference, 0, len(p.Pod.OwnerReferences)+1)
	for _, owner := range p.Pod.OwnerReferences {
		if owner.UID != set.UID {
			owners = append(owners, owner)
		}
	}
	if p.Adopt {
		owners = append(owners, *controllerRef(set))
	}
	err := apply.Pod(ctx, e.writer, p.Pod, "", podpatch.New(p.Pod).OwnerReferences(owners))
	return apply.Wrap(err, "change the controller of Pod %s", p.Pod.Name)
}

// createPod makes the claims of a Pod, then the Pod, then tells it that nothing keeps it from serving. Should the last
// step fail, the next look repeats it: somebody may have written to the Pod already. It cannot be saved: the API server
// drops the status that a Pod is created with, no gate can be added to a Pod later, and without its condition a gate is
// not met.
func (e *executor) createPod(ctx context.Context, c CreatePod) error {
	for _, claim := range c.Claims {
		if err := e.createClaim(ctx, claim); err != nil {
			return err
		}
	}
	created := c.Pod.DeepCopy()
	if err := e.writer.Create(ctx, created); err != nil {
		return notCreated("Pod", c.Pod.Name, err)
	}
	if len(c.Conditions) == 0 {
		return nil
	}
	err := apply.Conditions(ctx, e.writer, created, c.Conditions, false)
	if apply.IsStale(err) {
		return nil
	}
	return apply.Wrap(err, "set the conditions of new Pod %s", created.Name)
}

func (e *executor) createClaim(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	if err := e.writer.Create(ctx, claim.DeepCopy()); err != nil && !apierrors.IsAlreadyExists(err) {
		return notCreated("claim", claim.Name, err)
	}
	return nil
}

// notCreated is the error of a creation. Of what is only being made nothing can have been seen, so nothing is stale: a
// conflict is one about something else, such as a quota that many draw on at once, and no event ends it. Only a name
// that is taken says that there is more to see.
func notCreated(kind, name string, err error) error {
	if apierrors.IsAlreadyExists(err) {
		return err
	}
	return fmt.Errorf("create %s %s: %s", kind, name, err.Error()) // not wrapped: what kind of error it is would mislead
}

// deletePod deletes a Pod, and no other one of that name. Where the API server would not take its successor, a Pod that
// serves is better than none.
func (e *executor) deletePod(ctx context.Context, d DeletePod) error {
	if d.Successor != nil {
		if err := e.wouldTake(ctx, d.Successor); err != nil {
			return apply.Wrap(err, "%s Pod %s", d.Cause.verb(), d.View.Pod.Name)
		}
	}
	for _, claim := range d.Claims {
		if err := e.changeClaim(ctx, claim); err != nil {
			return err
		}
	}
	if d.Evict {
		err := apply.Evict(ctx, e.writer, d.View.Pod, d.NotServing)
		return apply.Wrap(client.IgnoreNotFound(err), "evict Pod %s", d.View.Pod.Name)
	}
	err := e.writer.Delete(ctx, apply.Identity(d.View.Pod), apply.Seen(d.View.Pod, d.NotServing))
	return apply.Wrap(client.IgnoreNotFound(err), "%s Pod %s", d.Cause.verb(), d.View.Pod.Name)
}

// changePod writes conditions, resources and everything else, in that order: a Pod leaves service before its containers
// restart. The first of them must find that a Pod which did not serve does not serve yet.
func (e *executor) changePod(ctx context.Context, c ChangePod) error {
	pod := c.View.Pod
	if err := e.tryChange(ctx, c); err != nil {
		return apply.Wrap(err, "change Pod %s", pod.Name)
	}
	switch {
	case len(c.Conditions) > 0:
		if err := apply.Conditions(ctx, e.writer, pod, c.Conditions, c.NotServing); err != nil {
			return apply.Wrap(err, "set the conditions of Pod %s", pod.Name)
		}
	case c.NotServing && !c.Resize.Empty():
		c.Resize.StillNotReady()
	case c.NotServing:
		c.Patch.StillNotReady()
	}
	if !c.Resize.Empty() {
		if err := apply.Pod(ctx, e.writer, pod, apply.Resize, c.Resize); err != nil {
			return apply.Wrap(err, "resize Pod %s in place", pod.Name)
		}
	}
	if c.Patch.Empty() {
		return nil
	}
	return apply.Wrap(apply.Pod(ctx, e.writer, pod, "", c.Patch), "change Pod %s", pod.Name)
}

// tryChange asks by dry run whether a change would be taken, as a whole.
func (e *executor) tryChange(ctx context.Context, c ChangePod) error {
	if c.Trial == nil {
		return nil
	}
	if !c.Trial.Pod.Empty() {
		if err := apply.TryPod(ctx, e.writer, c.View.Pod, "", c.Trial.Pod); err != nil {
			return err
		}
	}
	if c.Trial.Resize.Empty() || !c.Resize.Empty() && len(c.Conditions) == 0 {
		return nil // the resize comes first, and costs nothing when it is refused
	}
	return apply.TryPod(ctx, e.writer, c.View.Pod, apply.Resize, c.Trial.Resize)
}

// changeClaim changes a claim, if it is the one that the plan saw.
func (e *executor) changeClaim(ctx context.Context, c ChangeClaim) error {
	metadata, body := map[string]any{"uid": c.Claim.UID}, map[string]any{}
	if c.SetOwners {
		// Owners are one list in a merge patch, so nobody may have changed it since.
		metadata["resourceVersion"], metadata["ownerReferences"] = c.Claim.ResourceVersion, c.Owners
	}
	if c.Storage != nil {
		metadata["annotations"] = map[string]string{v1beta1.OwnedByStatefulSetAnnotation: c.OwnedBy}
		body["spec"] = map[string]any{"resources": map[string]any{"requests": map[string]any{string(corev1.ResourceStorage): c.Storage}}}
	}
	body["metadata"] = metadata
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	target := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: c.Claim.Namespace, Name: c.Claim.Name}}
	return apply.Wrap(e.writer.Patch(ctx, target, client.RawPatch(types.MergePatchType, data)), "change claim %s", c.Claim.Name)
}
