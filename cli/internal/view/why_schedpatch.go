// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	operator "github.com/windlass-operator/windlass/operator/schedpatch"
)

// schedPatches answers for all patches of the namespace.
func (a *answerer) schedPatches() {
	var patches []*sched.Patch
	for i := range a.around.SchedPatches {
		object := &a.around.SchedPatches[i]
		patch, err := sched.Compile(object)
		if err != nil {
			a.unusable(SchedPatch, object.Name, err)
			continue
		}
		patches = append(patches, patch)
	}
	for _, patch := range patches {
		a.schedPatch(patch, patches)
	}
}

func (a *answerer) schedPatch(patch *sched.Patch, all []*sched.Patch) {
	if !a.subject.BelongsTo(&patch.Object.Spec.TargetRef) {
		out := patched(patch, reasonOtherTarget, "It is for %s %s.", patch.Object.Spec.TargetRef.Kind, patch.Object.Spec.TargetRef.Name)
		out.Meant = false
		a.add(out, "")
		a.nameAll()
		return
	}
	plan := operator.MakePlan(a.snapshot(patch, all))
	if len(a.subject.Pods) == 0 {
		a.add(a.nextPatched(patch, plan), "")
	}
	for _, pod := range a.subject.Pods {
		a.add(a.patchIn(patch, plan, pod), pod.Name)
	}
}

// nextPatched answers for the Pod that the subject's template makes next.
func (a *answerer) nextPatched(patch *sched.Patch, plan *operator.Plan) Answer {
	most := patch.Object.Spec.MaxPods
	switch {
	case plan.NewPods == nil:
		return patched(patch, reasonUnknown, "The Pod template could not be read.")
	case !patch.SelectsPod(a.subject.Template.Labels):
		out := patched(patch, reasonSelector, "spec.podSelector does not select it: %s.",
			unmet(patch.Object.Spec.PodSelector, a.subject.Template.Labels, "the Pod template"))
		out.Meant = false
		return out
	case a.serving == Unserved, a.serving == NoWebhook:
		return patched(patch, v1beta1.ReasonNamespaceNotServed, "No webhook serves the namespace.")
	case patch.Object.Spec.Mode == v1alpha1.SchedPatchPreview:
		return patched(patch, v1beta1.ReasonPreview, "Its mode is Preview, which patches nothing.")
	case patch.ExpiredAt(metav1.NewTime(a.now)):
		return patched(patch, v1beta1.ReasonExpired, "It has ended.")
	case plan.NewPods.Obstacle != nil:
		return patched(patch, plan.NewPods.Obstacle.Reason, "%s", sentence(plan.NewPods.Obstacle.Message))
	case most != nil && len(plan.Patched) >= int(*most):
		return patched(patch, reasonMaxPods, "As many Pods carry it as maxPods allows: %d.", *most)
	}
	out := patched(patch, reasonWillCarry, "It would carry the patch.")
	if a.serving == Unknown {
		out.Text = "It would carry the patch, if the Pod webhooks serve the namespace."
	}
	out.Applied = true
	return out
}

// nameAll names all Pods in the last answer, which is about all of them.
func (a *answerer) nameAll() {
	last := &a.out.Answers[len(a.out.Answers)-1]
	for _, pod := range a.subject.Pods {
		last.Pods = append(last.Pods, pod.Name)
	}
}

func patched(patch *sched.Patch, reason, format string, args ...any) Answer {
	return Answer{Kind: SchedPatch, Name: patch.Name(), Reason: reason, Meant: true, Text: fmt.Sprintf(format, args...)}
}

// snapshot is what the operator would look at, as far as running Pods go.
func (a *answerer) snapshot(patch *sched.Patch, all []*sched.Patch) *operator.Snapshot {
	object := patch.Object
	s := &operator.Snapshot{
		Now: a.now, Object: object, Patch: patch, Served: a.serving != Unserved, Since: object.CreationTimestamp,
		Target: operator.Target{Object: &metav1.PartialObjectMetadata{}},
	}
	if object.Status.ActiveSince != nil {
		s.Since = *object.Status.ActiveSince
	}
	for _, pod := range a.around.Pods {
		if pods.Live(pod.Pod) && pod.of(patch.Target()) && patch.SelectsPod(pod.Labels) {
			s.Pods = append(s.Pods, pod.Pod)
		}
	}
	if template := a.around.Templates[patch.Name()]; template != nil {
		s.Template = template.Scheduling
	}
	for _, other := range all {
		if other != patch && other.Target() == patch.Target() && other.ActiveAt(metav1.NewTime(a.now)) &&
			(s.Template == nil || other.SelectsPod(s.Template.Labels)) {
			s.Others = append(s.Others, other)
		}
	}
	return s
}

// patchIn answers for one Pod: the first of these that holds.
func (a *answerer) patchIn(patch *sched.Patch, plan *operator.Plan, pod *OwnedPod) Answer {
	if out, carries := carried(patch, pod.Pod); carries {
		return out
	}
	if !patch.SelectsPod(pod.Labels) {
		out := patched(patch, reasonSelector, "spec.podSelector does not select it: %s.",
			unmet(patch.Object.Spec.PodSelector, pod.Labels, "the Pod"))
		out.Meant = false
		return out
	}
	owner := metav1.GetControllerOf(pod.Pod)
	switch {
	case a.serving == Unserved:
		return patched(patch, v1beta1.ReasonNamespaceNotServed, "The Pod webhooks do not serve the namespace: %s.", a.unserved())
	case patch.Object.Spec.Mode == v1alpha1.SchedPatchPreview:
		return patched(patch, v1beta1.ReasonPreview, "Its mode is Preview, which patches nothing.")
	case owner != nil && sched.IsDaemonSet(owner):
		return patched(patch, v1beta1.ReasonNodeNamed, "Pods of a DaemonSet are never patched: its controller picks their nodes.")
	}
	for _, skipped := range plan.Skipped {
		if skipped.Pod.UID == pod.UID {
			out := patched(patch, skipped.Reason, "%s", sentence(skipped.Message))
			if skipped.Reason == v1beta1.ReasonWebhookMissed {
				out.Type = renew(pod.Pod)
			}
			return out
		}
	}
	return a.untimely(patch, plan, pod)
}

// untimely answers for a Pod that the patch was not there for when it was created, or had no place for.
func (a *answerer) untimely(patch *sched.Patch, plan *operator.Plan, pod *OwnedPod) Answer {
	created := &pod.CreationTimestamp
	end, ends := patch.ExpiresAt()
	switch {
	case ends && !created.Before(&end):
		return patched(patch, v1beta1.ReasonExpired, "It ended at %s, before the Pod was created.", clock(end))
	case created.Before(&plan.Since):
		out := patched(patch, reasonCreatedBefore,
			"The Pod is older than the patch, or than its last change, of %s: running Pods are never touched.", clock(plan.Since))
		if !patch.ExpiredAt(metav1.NewTime(a.now)) {
			out.Type = renew(pod.Pod)
		}
		return out
	case patch.Object.Spec.MaxPods != nil && len(plan.Patched) >= int(*patch.Object.Spec.MaxPods):
		return patched(patch, reasonMaxPods, "As many Pods carry it as maxPods allows: %d.", *patch.Object.Spec.MaxPods)
	}
	return patched(patch, reasonUnknown, "The Pod was created in the second in which the patch was last changed, and may be older.")
}

// carried answers for a Pod that carries the patch.
func carried(patch *sched.Patch, pod *corev1.Pod) (Answer, bool) {
	for _, mark := range sched.Applied(pod.Annotations) {
		if mark.Name != patch.Name() {
			continue
		}
		out := patched(patch, reasonCarried, "Carried, as it is now.")
		if mark.Hash != patch.Hash() {
			out.Text = "Carried, as it was before its rules were changed: running Pods are never touched."
		}
		out.Applied = true
		return out, true
	}
	return Answer{}, false
}
