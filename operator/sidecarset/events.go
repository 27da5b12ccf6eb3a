// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/pullers"
	"github.com/windlass-operator/windlass/operator/report"
)

// Reasons of events on SidecarSets and Pods.
const (
	eventUpdated       = "SuccessfulUpdatePodInPlace"
	eventPodUpdated    = "SidecarUpdated"
	eventFailed        = "FailedUpdatePodInPlace"
	eventNotUpgradable = "NotUpgradablePods"
	eventEvicted       = "EvictedForInjection"
	eventFinished      = "ResetContainerSucceed"
	eventHookTimeout   = "HookTimeout"
	eventNameTaken     = "NameTaken"
)

// roundEvents tell what a round did, in one event for each kind of result.
func roundEvents(s *Snapshot, plan *Plan, outcome *Outcome) []report.Event {
	object := s.Set.Object
	var out []report.Event
	if pods := somePods(outcome.Updated, func(u UpdatePod) string { return podName(u.View.Pod) }); pods != "" {
		out = append(out, report.Normal(eventUpdated, "Update", "Updated the sidecars of "+pods))
	}
	out = append(out, podEvents(object, outcome)...)
	out = append(out, timeoutEvents(object, outcome)...)
	if errs := outcome.errors(); len(errs) > 0 {
		e := report.Warning(eventFailed, "Update", fmt.Sprintf("Writes refused by the API server: %d, the first: %v", len(errs), errs[0]))
		// What is refused is tried again, and mostly refused again, each time for another Pod: once a minute is enough
		// for all of them.
		e.Topic = eventFailed
		out = append(out, e)
	}
	out = append(out, pullers.Events(&plan.Pulls)...)
	out = append(out, takenEvents(s)...)
	if pods := plan.NotUpgradable; len(pods) > 0 && object.Status.ObservedGeneration != object.Generation {
		named := somePods(pods, func(p NotUpgradablePod) string { return podName(p.View.Pod) })
		out = append(out, report.Normal(eventNotUpgradable, "Update",
			fmt.Sprintf("Cannot update %s in place: %s", named, strings.Join(pods[0].Why, ", "))))
	}
	return out
}

// podEvents tell each Pod what was done to it.
func podEvents(set *v1beta1.SidecarSet, outcome *Outcome) (out []report.Event) {
	tell := func(pod *corev1.Pod, reason, action, format string, args ...any) {
		e := report.Normal(reason, action, fmt.Sprintf(format, args...))
		e.About, e.Related = pod, set
		out = append(out, e)
	}
	for _, u := range outcome.Updated {
		tell(u.View.Pod, eventPodUpdated, "Update", "SidecarSet %s: %s, in place", set.Name, u.what())
	}
	for _, u := range outcome.Finished {
		tell(u.View.Pod, eventFinished, "Update", "The new container of SidecarSet %s serves; the old one runs the empty image now", set.Name)
	}
	for _, e := range outcome.Evicted {
		tell(e.Pod, eventEvicted, "Evict", "Evicted, to be created anew with the sidecars of SidecarSet %s: %s", set.Name, e.Reason)
	}
	return out
}

// timeoutEvents tell the set, and each Pod, what a hook did not do in time.
func timeoutEvents(set *v1beta1.SidecarSet, outcome *Outcome) (out []report.Event) {
	for _, h := range outcome.Held {
		if h.Timeout == "" {
			continue
		}
		aboutPod := report.Warning(eventHookTimeout, "Update", h.Timeout)
		aboutPod.About, aboutPod.Related, aboutPod.Topic = h.View.Pod, set, eventHookTimeout+" "+podName(h.View.Pod)
		out = append(out, report.Warning(eventHookTimeout, "Update", h.Timeout), aboutPod)
	}
	return out
}

// takenEvents tell the set which Pods are without its sidecars, and will be, because of the name of a container: people
// have to rename one. It is one event for all of them, said once a minute while there is something to look at.
func takenEvents(s *Snapshot) []report.Event {
	taken := slices.DeleteFunc(slices.Clone(s.Uninjected), func(u Uninjected) bool {
		return u.Reason != v1beta1.ReasonNameTaken || u.Obstacle == ""
	})
	if len(taken) == 0 {
		return nil
	}
	slices.SortFunc(taken, func(a, b Uninjected) int { return cmp.Compare(podName(a.Pod), podName(b.Pod)) })
	e := report.Warning(eventNameTaken, "Inject", fmt.Sprintf("Not injected into %s: %s",
		somePods(taken, func(u Uninjected) string { return podName(u.Pod) }), taken[0].Obstacle))
	e.Topic = eventNameTaken
	return []report.Event{e}
}

// somePods names the Pod of the first item and counts the others.
func somePods[T any](items []T, name func(T) string) string {
	return report.Some("Pod", report.NamesOf(items, name))
}
