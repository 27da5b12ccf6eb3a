// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	// pullers have nodes pull images.
	pullers *pullers.Pullers
	// namespace is where the revisions are kept.
	namespace string
	// parallel is how many Pods are written to at once at most.
	parallel int
}

// apply executes a plan. One refused action does not stop the others: the plan has counted all of them into
// maxUnavailable. Revisions come first, since Pods are marked with their names.
func (e *executor) apply(ctx context.Context, plan *Plan) *Outcome {
	o := &Outcome{}
	e.applyRevisions(ctx, &plan.Revisions, o)
	if !o.Unrecorded {
		e.change(ctx, plan, plan.Completions, writeResize, o, &o.Completed)
		e.change(ctx, plan, plan.Updates, writeUpdate, o, &o.Updated)
	}
	e.holdAll(ctx, plan, o)
	e.change(ctx, plan, plan.Finishes, writeFinish, o, &o.Finished)
	e.evictAll(ctx, plan, o)
	apply.Each(ctx, e.parallel, plan.Marks, e.mark, func(_ MarkPod, err error) { o.note(err) })
	return o
}

// pull has nodes pull images ahead.
func (e *executor) pull(ctx context.Context, s *Snapshot, plan *Plan, o *Outcome) {
	done := e.pullers.Apply(ctx, s.Set.Object, &plan.Pulls, s.Now, e.parallel)
	o.PullIn = done.In
	for _, err := range done.Failed {
		o.fail(err)
	}
}

// change carries out changes of Pods and sorts them by what became of them.
func (e *executor) change(ctx context.Context, plan *Plan, actions []UpdatePod, write string, o *Outcome, done *[]UpdatePod) {
	act := func(ctx context.Context, u UpdatePod) error {
		return refusal.Taking(plan.Takes, u.View.Pod, u.Takes, ledger.Shown, func() error { return e.update(ctx, u) })
	}
	apply.Each(ctx, e.parallel, actions, act, func(u UpdatePod, err error) {
		switch refusal.KindOf(err) {
		case refusal.None:
			*done = append(*done, u)
		case refusal.Stale:
			o.stale(err)
		default:
			o.Refused = append(o.Refused, Refused{u, write, err})
		}
	})
}

// holdAll takes Pods out of service, from their budgets first, and brings others back.
func (e *executor) holdAll(ctx context.Context, plan *Plan, o *Outcome) {
	act := func(ctx context.Context, h HoldPod) error {
		if h.Begins == nil {
			return e.hold(ctx, h)
		}
		return refusal.Taking(plan.Takes, h.View.Pod, h.Begins.Takes, ledger.Shown, func() error { return e.hold(ctx, h) })
	}
	apply.Each(ctx, e.parallel, plan.Holds, act, o.held)
}

// applyRevisions keeps the history. Its steps do not depend on one another.
func (e *executor) applyRevisions(ctx context.Context, plan *RevisionPlan, o *Outcome) {
	if plan.Create != nil {
		created := plan.Create.DeepCopy()
		created.Namespace = e.namespace
		err := e.writer.Create(ctx, created)
		o.Unrecorded, o.Collided = err != nil, apierrors.IsAlreadyExists(err)
		if !o.Collided {
			o.fail(apply.Wrap(err, "create revision %s", created.Name))
		}
	}
	if plan.Change != nil {
		o.fail(apply.Wrap(e.writer.Patch(ctx, plan.Change.DeepCopy(), client.MergeFrom(plan.Old)), "update revision %s", plan.Change.Name))
	}
	for _, r := range plan.Delete {
		o.fail(apply.Wrap(client.IgnoreNotFound(e.writer.Delete(ctx, r.DeepCopy())), "delete revision %s", r.Name))
	}
}

// update changes one Pod with one write, two if it is resized too, and only if it is the Pod that the plan saw and
// nobody has changed what the plan rests on.
//
// Of two writes, the API server might take the first and refuse the second, so it is asked about both before either is
// made. The resize comes second: the first one records that it is to follow, so whoever is stopped in between, or
// refused after all, leaves a Pod that is known not to be at its end.
func (e *executor) update(ctx context.Context, u UpdatePod) error {
	pod, writes := u.View.Pod, podWrites(u)
	if len(writes) > 1 {
		if err := e.try(ctx, pod, writes); err != nil {
			return err
		}
	}
	for _, w := range writes {
		if err := apply.Pod(ctx, e.writer, pod, w.subresource, w.patch); err != nil {
			return apply.Wrap(err, "%s Pod %s in place", w.verb, podName(pod))
		}
	}
	return nil
}

// try asks the API server whether it would take the writes of an update.
func (e *executor) try(ctx context.Context, pod *corev1.Pod, writes []podWrite) error {
	for _, w := range writes {
		if err := apply.TryPod(ctx, e.writer, pod, w.subresource, w.patch); err != nil {
			return apply.Wrap(err, "%s Pod %s in place", w.verb, podName(pod))
		}
	}
	return nil
}

// hold takes one Pod out of service or brings it back, with one write of its conditions, and one of the annotation that
// says where it is between its hooks. Whoever is stopped between the two leaves a Pod of which the next look plans what
// is missing.
func (e *executor) hold(ctx context.Context, h HoldPod) error {
	pod := h.View.Pod
	if h.Begins != nil {
		if err := e.try(ctx, pod, podWrites(*h.Begins)); err != nil {
			return err
		}
	}
	if len(h.Conditions) > 0 {
		if err := apply.Conditions(ctx, e.writer, pod, h.Conditions, false); err != nil {
			return apply.Wrap(err, "set condition %s of Pod %s", h.Conditions[0].Type, podName(pod))
		}
	}
	if h.Lifecycle == nil {
		return nil
	}
	patch := podpatch.New(pod)
	if *h.Lifecycle == "" {
		patch.RemoveAnnotation(v1beta1.SidecarSetLifecycleAnnotation)
	} else {
		patch.Annotation(v1beta1.SidecarSetLifecycleAnnotation, *h.Lifecycle)
	}
	if patch.Empty() {
		return nil
	}
	return apply.Wrap(apply.Pod(ctx, e.writer, pod, "", patch), "change Pod %s", podName(pod))
}

// podWrite is one patch of a Pod.
type podWrite struct {
	verb, subresource string
	patch             *podpatch.Patch
}

// podWrites are the writes that an update takes, in order. The kubelet's writes to the status never get in the way, but
// for one: a Pod that was taken because it did not serve is left alone if it does now.
func podWrites(u UpdatePod) []podWrite {
	edits := u.Change.Edits(u.View.Pod)
	if u.NotServing {
		edits.Pod.StillNotReady()
	}
	writes := []podWrite{{"update", "", edits.Pod}, {"resize", apply.Resize, edits.Resize}}
	return slices.DeleteFunc(writes, func(w podWrite) bool { return w.patch.Empty() })
}

// mark writes one condition.
func (e *executor) mark(ctx context.Context, m MarkPod) error {
	err := apply.Conditions(ctx, e.writer, m.View.Pod, []corev1.PodCondition{m.Condition}, false)
	return apply.Wrap(err, "set condition %s of Pod %s", m.Condition.Type, podName(m.View.Pod))
}
