// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Reasons of events on SidecarSets and Pods.
const (
	eventUpdated       = "SuccessfulUpdatePodInPlace"
	eventPodUpdated    = "SidecarUpdated"
	eventFailed        = "FailedUpdatePodInPlace"
	eventNotUpgradable = "NotUpgradablePods"
	eventEvicted       = "EvictedForInjection"
	eventFinished      = "ResetContainerSucceed"
)

// record tells what a round did, in one event for each kind of result.
func (r *reconciler) record(s *Snapshot, plan *Plan, outcome *Outcome) {
	object := s.Set.Object
	if n := len(outcome.Updated); n > 0 {
		r.tell(object, nil, corev1.EventTypeNormal, eventUpdated, "Update",
			"Updated the sidecars of %s", some(n, podName(outcome.Updated[0].View.Pod)))
	}
	for _, u := range outcome.Updated {
		r.tell(u.View.Pod, object, corev1.EventTypeNormal, eventPodUpdated, "Update",
			"SidecarSet %s: %s, in place", object.Name, u.what())
	}
	for _, u := range outcome.Finished {
		r.tell(u.View.Pod, object, corev1.EventTypeNormal, eventFinished, "Update",
			"The new container of SidecarSet %s serves; the old one runs the empty image now", object.Name)
	}
	for _, e := range outcome.Evicted {
		r.tell(e.Pod, object, corev1.EventTypeNormal, eventEvicted, "Evict",
			"Evicted, to be created anew with the sidecars of SidecarSet %s: %s", object.Name, e.Reason)
	}
	// What is refused is tried again, and mostly refused again, each time for another Pod: once a minute is enough for
	// all of them.
	if errs := outcome.errors(); len(errs) > 0 && r.repeats.First(client.ObjectKeyFromObject(object), eventFailed, s.Now) {
		r.tell(object, nil, corev1.EventTypeWarning, eventFailed, "Update",
			"Writes refused by the API server: %d, the first: %v", len(errs), errs[0])
	}
	if n := len(plan.NotUpgradable); n > 0 && object.Status.ObservedGeneration != object.Generation {
		r.tell(object, nil, corev1.EventTypeNormal, eventNotUpgradable, "Update",
			"Cannot update %s in place: %s", some(n, podName(plan.NotUpgradable[0].View.Pod)), strings.Join(plan.NotUpgradable[0].Why, ", "))
	}
}

// tell records an event. The API server refuses notes that are too long, as those with words of others may be.
func (r *reconciler) tell(object, related runtime.Object, kind, reason, action, format string, args ...any) {
	r.recorder.Eventf(object, related, kind, reason, action, "%s", truncate(fmt.Sprintf(format, args...)))
}

// errors are all that failed.
func (o *Outcome) errors() []error {
	out := slices.Clone(o.Failed)
	for _, refused := range o.Refused {
		out = append(out, refused.Err)
	}
	return out
}

// some names one Pod and counts the others.
func some(n int, first string) string {
	if n == 1 {
		return "Pod " + first
	}
	return fmt.Sprintf("%d Pods, Pod %s the first", n, first)
}
