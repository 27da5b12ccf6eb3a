package sidecarset

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// excuse names the updated Pods that do not serve for reasons of their own.
func (p *Plan) excuse(s *Snapshot) {
	for _, view := range s.Matched {
		if view.Ready() || !view.Updated(s.Set) || !view.Touched(s.Set) || charged(s, view) {
			continue
		}
		why, stuck := s.whyDown(view)
		p.Excused = append(p.Excused, ExcusedPod{View: view, Why: why, Stuck: stuck})
	}
}

// whyDown says what keeps a Pod from serving that is not down because of the set,
// and whether its sidecars cannot start before that has changed.
func (s *Snapshot) whyDown(view *sidecar.View) (why string, stuck bool) {
	switch ended := view.Ended(); {
	case view.Unscheduled():
		return unscheduled(view.Pod), true
	case s.lost(view):
		return fmt.Sprintf("its node %s does not report", view.Pod.Spec.NodeName), true
	case ended != "":
		return fmt.Sprintf("its container %s has ended", ended), true
	case has(view.Pod, corev1.PodReadyToStartContainers, corev1.ConditionFalse):
		return "its containers cannot start yet", true
	case has(view.Pod, corev1.PodInitialized, corev1.ConditionFalse):
		return "its init containers are not done", !view.SidecarsStarted(s.Set)
	}
	return "not ready for a reason of its own", false
}

func unscheduled(pod *corev1.Pod) string {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodScheduled && c.Reason != "" {
			return fmt.Sprintf("it has no node: %s", c.Reason)
		}
	}
	return "it has no node"
}

func has(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus) bool {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == kind {
			return c.Status == status
		}
	}
	return false
}
