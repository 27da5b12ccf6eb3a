// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// A Pod that does not serve may be the doing of a SidecarSet, or not. Only what the set did is held against its
// rollout, so that a finished Job, a Pod that finds no node or an application that crashes keeps no other Pod waiting.
// The record of an update says whether the Pod served when the update began; what has become of the Pod since, its
// status says.
//
//	before          now                                     the set's doing
//	it served       the set holds it, or asked its hook     yes: it drains, or is not back in service yet
//	it served       it was let go, is not Ready yet         yes: its kubelet has not seen it
//	either          ready, the update is not at its end     yes: it will restart
//	it served       changed containers are not back         yes
//	it served       they are, but it was not ready since    yes: it may fail because of them
//	it served       was ready since, fails later            no
//	it did not      never ready since                       no
//	it did not      ready since, changed ones fail          yes
//	either          has no node, or has ended for good      no

const (
	// afterEffect is how long after a container came back a Pod that fails may do so because of it.
	afterEffect = time.Minute
	// startsWithin is how long after its containers have started a Pod that was not ready may be so because of them.
	startsWithin = 10 * time.Minute
	// provenBefore is how long before an update of an unknown maker a Pod must have stopped serving for its innocence
	// to be proved: clocks differ.
	provenBefore = time.Minute
	// startedUnready is how long after its start a Pod gets its first Ready condition at most.
	startedUnready = 10 * time.Second
)

// Disturbed reports whether the set's updates in place keep the Pod from serving, or are about to: the Pod takes up a
// share of maxUnavailable. A Pod that the set has never changed, and does not hold, is not disturbed by it.
func (v *View) Disturbed() bool { return v.disturbed }

func (v *View) disturbs() bool {
	record := v.update
	switch {
	case !v.ready && (v.Unscheduled() || v.Ended() != ""):
		return false
	case v.Between():
		return true
	case record == nil:
		return false
	case v.ready:
		return !v.settled || !v.HotFinished()
	}
	back := v.settled && v.changedReady(record)
	switch {
	case record.Served == nil && v.provenIdle(record):
		return false
	case record.Served != nil && !*record.Served:
		return !back && v.servedAfter(record)
	}
	watched := max(afterEffect, time.Duration(v.set.Spec.UpdateStrategy.MinReadySeconds)*time.Second)
	return !back || v.downSince().Before(v.backSince(record).Add(watched))
}

// TookShare reports whether the set's last update began while the Pod served, so that it took a share of the budgets.
func (v *View) TookShare() bool {
	return v.update != nil && (v.update.Served == nil || *v.update.Served)
}

// ServesSince is since when a ready Pod serves without interruption, so far as the set has a part in it: since it became
// ready and, where the set has changed it, since the change and since a container of the set's current version started.
// A Pod that becomes ready long after both was not ready for reasons of its own: that begins nothing anew.
func (v *View) ServesSince() time.Time { return v.servesSince }

func (v *View) readServesSince() time.Time {
	if v.update == nil {
		return v.readySince
	}
	since := v.update.UpdateTimestamp.Time
	if v.Updated() {
		since = v.lastStart(since)
	}
	if v.readySince.After(since) && v.readySince.Before(since.Add(startsWithin)) {
		return v.readySince
	}
	return since
}

// lastStart is when a container of the set started last in the Pod, and not before a time.
func (v *View) lastStart(latest time.Time) time.Time {
	v.set.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			status := pods.Status(v.Pod, name)
			if status != nil && status.State.Running != nil && status.State.Running.StartedAt.After(latest) {
				latest = status.State.Running.StartedAt.Time
			}
		}
	})
	return latest
}

// ServedBefore reports whether the set has changed the Pod while it served, or while an earlier change of the set kept
// it from serving.
func (v *View) ServedBefore() bool {
	record := v.update
	switch {
	case record == nil:
		return false
	case record.Served == nil:
		return !v.Unscheduled() && !v.provenIdle(record)
	}
	return *record.Served || v.servedAfter(record)
}

// provenIdle reports whether a Pod whose update says nothing about it certainly did not serve then: it has not been
// ready since well before, and the sidecars are fine. OpenKruise, and Windlass before it recorded this, leave it open.
func (v *View) provenIdle(record *updateRecord) bool {
	since := v.downSince()
	if since.IsZero() {
		return !v.ready
	}
	return !v.ready && v.SidecarsReady() && since.Add(provenBefore).Before(record.UpdateTimestamp.Time)
}

// servedAfter reports whether a Pod that did not serve when its update began has done so since: its Ready condition has
// turned since then. The first condition that a kubelet writes is no such turn.
func (v *View) servedAfter(record *updateRecord) bool {
	since := v.downSince()
	switch {
	case v.ready:
		return true
	case since.IsZero():
		return false
	case record.NotReadySince != nil:
		return !since.Equal(record.NotReadySince.Time)
	}
	started := v.Pod.Status.StartTime
	return started != nil && since.After(started.Add(startedUnready))
}

// changedReady reports whether all containers that the set has changed are ready.
func (v *View) changedReady(record *updateRecord) bool {
	for name := range record.LastContainerStatuses {
		if pods.Find(v.Pod, name) != nil && !pods.ContainerReady(v.Pod, name) {
			return false
		}
	}
	for _, name := range record.Resized {
		if pods.Find(v.Pod, name) != nil && !pods.ContainerReady(v.Pod, name) {
			return false
		}
	}
	return true
}

// backSince is when the last of the changed containers started, and not before the update.
func (v *View) backSince(record *updateRecord) time.Time {
	latest := record.UpdateTimestamp.Time
	for name := range record.LastContainerStatuses {
		status := pods.Status(v.Pod, name)
		if status != nil && status.State.Running != nil && status.State.Running.StartedAt.After(latest) {
			latest = status.State.Running.StartedAt.Time
		}
	}
	return latest
}

// downSince is since when the Ready condition is not True; zero when it is, or when there is none.
func (v *View) downSince() time.Time {
	if c := pods.Condition(v.Pod, corev1.PodReady); c != nil && c.Status != corev1.ConditionTrue {
		return c.LastTransitionTime.Time
	}
	return time.Time{}
}

// Unscheduled reports whether the Pod has no node yet.
func (v *View) Unscheduled() bool { return v.Pod.Spec.NodeName == "" }

// Ended names a container of the Pod's own that has ended and will not be started again, so that the Pod is never ready
// again; empty when there is none.
func (v *View) Ended() string {
	if v.ready {
		return ""
	}
	for i := range v.Pod.Status.ContainerStatuses {
		status := &v.Pod.Status.ContainerStatuses[i]
		if end := status.State.Terminated; end != nil && !v.startsAnew(status.Name, end.ExitCode) && !v.isSidecar(status.Name) {
			return status.Name
		}
	}
	return ""
}

// startsAnew reports whether the kubelet starts a container again that has ended.
func (v *View) startsAnew(name string, exitCode int32) bool {
	policy := v.Pod.Spec.RestartPolicy
	if ref := pods.Find(v.Pod, name); ref != nil && ref.RestartPolicy != nil {
		policy = corev1.RestartPolicy(*ref.RestartPolicy)
	}
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	}
	return true
}

// isSidecar reports whether a set has put the container into the Pod, whichever set that is: an update starts it again
// whatever the restart policy says.
func (v *View) isSidecar(name string) bool {
	hashes := v.entries(v1beta1.SidecarSetHashAnnotation)
	for set := range hashes {
		for _, sidecar := range hashes.record(set).SidecarList {
			if name == sidecar || name == sidecar+"-1" || name == sidecar+"-2" {
				return true
			}
		}
	}
	return false
}

// AsUnready reports whether the Pod does not serve, has not since before its update, and all sidecars of the set that
// are not ready were not ready before it either.
func (v *View) AsUnready() bool {
	record := v.update
	if v.ready || record == nil || record.Served == nil || *record.Served || v.servedAfter(record) {
		return false
	}
	return !slices.ContainsFunc(v.unreadySidecars(), func(name string) bool { return !slices.Contains(record.NotReady, name) })
}

// unreadySidecars names the set's containers in the Pod that are not ready.
func (v *View) unreadySidecars() []string {
	var out []string
	v.set.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			if pods.Find(v.Pod, name) != nil && !pods.ContainerReady(v.Pod, name) {
				out = append(out, name)
			}
		}
	})
	return out
}

// recordServed notes whether the Pod serves as an update of the set begins. What was ready before an earlier update
// that the Pod did not serve through is not taken for unready of its own, nor is what drains for this one: a hold, and
// the hook's work, are begun only while the Pod serves.
func (r *updateRecord) recordServed(v *View) {
	served := v.ready || v.Disturbed()
	r.Served = &served
	if served {
		return
	}
	if since := v.downSince(); !since.IsZero() {
		r.NotReadySince = &metav1.Time{Time: since.UTC()}
	}
	earlier := v.update
	goesOn := earlier != nil && earlier.Served != nil && !*earlier.Served && !v.servedAfter(earlier)
	r.NotReady = slices.DeleteFunc(v.unreadySidecars(), func(name string) bool {
		return goesOn && !slices.Contains(earlier.NotReady, name)
	})
}
