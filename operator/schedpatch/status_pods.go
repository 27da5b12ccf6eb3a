// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// patchedPod is a live Pod with the patch, of some hash.
type patchedPod struct {
	pod  *corev1.Pod
	hash string
}

// skippedPod is a live Pod that was created without the patch.
type skippedPod struct {
	pod *corev1.Pod
	// reason is one of the API's, and message says the same for people.
	reason, message string
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

// sort tells the Pods that carry the patch from those that should. Times are whole seconds: a Pod from the second of
// the last change may be older than the change, and counts only if it would not have got the patch anyway.
func (s *Snapshot) sort() (patched []patchedPod, skipped []skippedPod, since metav1.Time) {
	var others []*corev1.Pod
	for _, pod := range s.Pods {
		if mark, carries := markOf(pod, s.Patch.Name()); carries {
			patched = append(patched, patchedPod{pod, mark.Hash})
		} else {
			others = append(others, pod)
		}
	}
	since = s.activeSince(len(patched))
	if s.full(len(patched)) {
		return patched, nil, since // a Pod beyond the limit looks like one that was missed
	}
	for _, pod := range others {
		if !s.expected(pod, since) {
			continue
		}
		if why := s.why(pod); why.reason != v1beta1.ReasonWebhookMissed || since.Before(&pod.CreationTimestamp) {
			skipped = append(skipped, why)
		}
	}
	return patched, skipped, since
}

// full reports whether so many Pods with the patch are as many as maxPods allows.
func (s *Snapshot) full(patched int) bool {
	most := s.Object.Spec.MaxPods
	return most != nil && patched >= int(*most)
}

// activeSince is from when on new Pods are expected to carry the patch. Where as many as maxPods allows carried it when
// it was last looked at, and fewer do now, that is now: Pods created before were beyond the limit.
func (s *Snapshot) activeSince(patched int) metav1.Time {
	if s.full(int(s.Object.Status.PatchedPods)) && !s.full(patched) {
		return metav1.NewTime(s.Now)
	}
	return s.Since
}

// expected reports whether a Pod should have got the patch when it was created, unless maxPods left no place for it.
func (s *Snapshot) expected(pod *corev1.Pod, since metav1.Time) bool {
	end, ends := s.Patch.ExpiresAt()
	switch {
	case s.preview() || !s.Served:
		return false
	case pod.CreationTimestamp.Before(&since):
		return false
	case ends && !pod.CreationTimestamp.Before(&end):
		return false
	}
	return true
}

// why says why a Pod was created without the patch, as far as it can be known afterwards: its own node selector may
// contradict, the template's node affinity may; otherwise the webhook was not there.
func (s *Snapshot) why(pod *corev1.Pod) skippedPod {
	rules := &sched.Rules{NodeSelector: pod.Spec.NodeSelector, Affinity: s.affinityBefore()}
	_, results := sched.Merge(rules, []*sched.Patch{s.Patch})
	if result := results[0]; result.Reason == sched.ReasonConflict {
		return skippedPod{pod, v1beta1.ReasonConflict, result.Message}
	}
	if found := s.obstacle(); found != nil && found.reason != v1beta1.ReasonConflict {
		return skippedPod{pod, found.reason, found.message}
	}
	return skippedPod{pod, v1beta1.ReasonWebhookMissed, "the webhook did not answer, or did not know the patch yet"}
}

// affinityBefore is the affinity that a new Pod has when its turn comes to get this patch. The Pods' own are not kept.
func (s *Snapshot) affinityBefore() *corev1.Affinity {
	if s.Template == nil {
		return nil
	}
	before := slices.DeleteFunc(slices.Clone(s.Others), func(other *sched.Patch) bool { return sched.Compare(other, s.Patch) > 0 })
	rules, _ := sched.Merge(&sched.Rules{Affinity: s.Template.Spec.Affinity}, before)
	return rules.Affinity
}

// obstacle is what keeps the patch from every new Pod of the target.
type obstacle struct {
	reason, message string
	// denied tells that the Pods are not even created.
	denied bool
}

// remedy says what to do, as a sentence that goes on after another.
func (o *obstacle) remedy() string {
	if o.reason == v1beta1.ReasonConflict {
		return " Change one of the two."
	}
	return ""
}

// obstacle is nil when there is none, or when no template tells.
func (s *Snapshot) obstacle() *obstacle {
	if s.Template == nil {
		return nil
	}
	if node := s.Template.Spec.NodeName; node != "" {
		return &obstacle{reason: v1beta1.ReasonNodeNamed, message: "the Pod template sets spec.nodeName to " + node + ": its Pods never meet the scheduler"}
	}
	_, result := s.merge()
	if result.Outcome == sched.OutcomeApplied {
		return nil
	}
	return &obstacle{reason: string(result.Reason), message: result.Message, denied: result.Outcome == sched.OutcomeRejected}
}

// merge makes a Pod of the template into what admission would, and says what became of this patch.
func (s *Snapshot) merge() (sched.Rules, sched.Result) {
	patches := append([]*sched.Patch{s.Patch}, s.Others...)
	rules, results := sched.Merge(sched.RulesOf(&s.Template.Spec), patches)
	for _, result := range results {
		if result.Patch == s.Patch {
			return rules, result
		}
	}
	return rules, sched.Result{}
}

func compare(a, b string) int { return cmp.Compare(a, b) }
