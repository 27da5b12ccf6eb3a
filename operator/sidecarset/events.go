package sidecarset

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Reasons of events on SidecarSets.
const (
	eventUpdated = "SuccessfulUpdatePodInPlace"
	eventFailed  = "FailedUpdatePodInPlace"
)

// record tells what a round did, in one event for each kind of result.
func (r *reconciler) record(s *Snapshot, outcome *Outcome) {
	object := s.Set.Object
	if n := len(outcome.Updated); n > 0 {
		r.recorder.Eventf(object, nil, corev1.EventTypeNormal, eventUpdated, "Update",
			"Updated the sidecars of %s", some(n, podName(outcome.Updated[0].View)))
	}
	if n := len(outcome.Failed); n > 0 {
		r.recorder.Eventf(object, nil, corev1.EventTypeWarning, eventFailed, "Update",
			"Could not update %s: %v", some(n, podName(outcome.Failed[0].View)), outcome.Failed[0].Err)
	}
}

// some names one Pod and counts the others.
func some(n int, first string) string {
	if n == 1 {
		return "Pod " + first
	}
	return fmt.Sprintf("%d Pods, Pod %s the first", n, first)
}
