// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/windlass-operator/windlass/api/v1beta1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// PatchedPod is a live Pod with the patch, of some hash.
type PatchedPod struct {
	Pod  *corev1.Pod
	Hash string
}

// SkippedPod is a live Pod that was created without the patch.
type SkippedPod struct {
	Pod *corev1.Pod
	// Reason is one of the API's, and Message says the same for people.
	Reason, Message string
}

// markOf returns the mark of a patch on a Pod, of whatever hash.
func markOf(pod *corev1.Pod, patch string) (sched.Mark, bool) {
	for _, mark := range sched.Applied(pod.Annotations) {
		if mark.Name == patch {
			return mark, true
		}
	}
	return sched.Mark{}, false
}

// pods tells the Pods that carry the patch from those that should. Once as many as maxPods allows carry it, none should:
// a Pod beyond the limit looks like one that was missed.
func (p *planner) pods() {
	var others []*corev1.Pod
	for _, pod := range p.s.Pods {
		if mark, carries := markOf(pod, p.s.Patch.Name()); carries {
			p.plan.Patched = append(p.plan.Patched, PatchedPod{pod, mark.Hash})
		} else {
			others = append(others, pod)
		}
	}
	full := p.s.full(len(p.plan.Patched))
	p.plan.Since = p.since(full)
	if full || p.s.preview() || !p.s.Served {
		return
	}
	for _, pod := range others {
		if p.expected(pod) {
			p.skip(pod)
		}
	}
}

// since is from when on new Pods are expected to carry the patch. Where as many as maxPods allows carried it when it was
// last looked at, and fewer do now, that is now: Pods created before were beyond the limit.
func (p *planner) since(full bool) metav1.Time {
	if p.s.full(int(p.s.Object.Status.PatchedPods)) && !full {
		return metav1.NewTime(p.s.Now)
	}
	return p.s.Since
}

// expected reports whether a Pod was created while the patch was there for it.
func (p *planner) expected(pod *corev1.Pod) bool {
	end, ends := p.s.Patch.ExpiresAt()
	return !pod.CreationTimestamp.Before(&p.plan.Since) && (!ends || pod.CreationTimestamp.Before(&end))
}

// skip notes why a Pod was created without the patch. Times are whole seconds: a Pod from the second of the last change
// may be older than the change, and counts only if it would be there without the patch if it were younger.
func (p *planner) skip(pod *corev1.Pod) {
	why := p.why(pod)
	denied := why.Reason == v1beta1.ReasonConflict && p.s.Patch.Rejects()
	mayBeOlder := !p.plan.Since.Before(&pod.CreationTimestamp)
	if mayBeOlder && (denied || why.Reason == v1beta1.ReasonWebhookMissed) {
		return
	}
	p.plan.Skipped = append(p.plan.Skipped, why)
}

// why says why a Pod was created without the patch, as far as it can be known afterwards: its own node selector may
// contradict, the template's node affinity may; otherwise the webhook was not there. Pods of one template mostly have one
// node selector: that is compared once.
func (p *planner) why(pod *corev1.Pod) SkippedPod {
	selector := labels.Set(pod.Spec.NodeSelector).String()
	known, found := p.skipped[selector]
	if !found {
		known = p.compare(pod)
		p.skipped[selector] = known
	}
	known.Pod = pod
	return known
}

// compare is why for the first Pod of a node selector.
func (p *planner) compare(pod *corev1.Pod) SkippedPod {
	rules := &sched.Rules{NodeSelector: pod.Spec.NodeSelector, Affinity: p.affinity}
	_, results := sched.Merge(rules, []*sched.Patch{p.s.Patch})
	if result := results[0]; result.Reason == sched.ReasonConflict {
		return SkippedPod{pod, v1beta1.ReasonConflict, result.Message}
	}
	if o := p.plan.obstacle(); o != nil && o.Reason != v1beta1.ReasonConflict {
		return SkippedPod{pod, o.Reason, o.Message}
	}
	return SkippedPod{pod, v1beta1.ReasonWebhookMissed, "the webhook did not answer, or did not know the patch yet"}
}
