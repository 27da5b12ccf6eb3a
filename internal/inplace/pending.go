// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/internal/pods"
)

// Pending carries on with what OpenKruise left to be done later in a Pod. ok reports whether there is such a thing. Its
// time has come when the edits are not empty; otherwise it comes after wait, or, when that is 0, with a change of the
// Pod: containers must become ready first.
//
// A change that waits for its grace period and was overtaken by another revision is dropped, and so is one that nobody
// can read. OpenKruise changes containers with launch priorities in several steps; what is left of them is one step
// here.
func Pending(pod *corev1.Pod, now metav1.Time) (edits Edits, wait time.Duration, ok bool) {
	if !LeftOver(pod) {
		return Edits{}, 0, false
	}
	grace, err := ParseGrace(pod.Annotations)
	if err != nil || grace != nil && grace.Revision != pod.Labels[appsv1.ControllerRevisionHashLabelKey] {
		return Edits{Pod: dropGrace(podpatch.New(pod))}, 0, true
	}
	state, err := ParseState(pod.Annotations)
	if err != nil || state == nil {
		state = &State{Revision: pod.Labels[appsv1.ControllerRevisionHashLabelKey]}
	}
	if grace != nil {
		return state.endGrace(pod, grace, now)
	}
	return state.next(pod, now)
}

// LeftOver reports whether Pending may find something in a Pod. It decodes nothing.
func LeftOver(pod *corev1.Pod) bool {
	if len(pod.Annotations) == 0 {
		return false
	}
	if _, key := either(pod.Annotations, graceKeys...); key != "" {
		return true
	}
	text, _ := either(pod.Annotations, stateKeys...)
	return mentions(text, nextFields)
}

// endGrace makes the change that waited for its grace period, once that is over.
func (s *State) endGrace(pod *corev1.Pod, grace *Grace, now metav1.Time) (Edits, time.Duration, bool) {
	if wait := time.Duration(grace.GraceSeconds)*time.Second - now.Sub(s.UpdateTimestamp.Time); wait > 0 {
		return Edits{}, wait, true
	}
	change := grace.change(pod)
	edits := render(pod, change, s, now)
	dropGrace(edits.Pod)
	return edits, 0, true
}

// next changes the next containers, once those that were changed before are ready. What is next on the way to another
// revision is dropped.
func (s *State) next(pod *corev1.Pod, now metav1.Time) (Edits, time.Duration, bool) {
	if len(s.nextContainers()) == 0 {
		return Edits{}, 0, false
	}
	change := s.nextChange(pod)
	if s.PreCheckBeforeNext != nil && !change.Empty() && slices.ContainsFunc(
		s.PreCheckBeforeNext.ContainersRequiredReady,
		func(name string) bool { return pods.Find(pod, name) != nil && !pods.ContainerReady(pod, name) },
	) {
		return Edits{}, 0, true
	}
	s.NextContainerImages, s.NextContainerRefMetadata, s.NextContainerResources, s.PreCheckBeforeNext = nil, nil, nil, nil
	return render(pod, change, s, now), 0, true
}

func dropGrace(patch *podpatch.Patch) *podpatch.Patch {
	return patch.RemoveAnnotation(v1beta1.InPlaceUpdateGraceAnnotation).RemoveAnnotation(v1beta1.InPlaceUpdateGraceLegacyAnnotation)
}
