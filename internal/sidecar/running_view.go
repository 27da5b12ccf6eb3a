// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/workload"
)

// View is a running Pod as one SidecarSet sees it: what its annotations record of the set, decoded once, and what every
// look asks of every Pod, some of it again and again. Nothing is written into it afterwards.
type View struct {
	records
	set *Set
	// full and withoutImage are what the Pod's hash annotations hold for the set; withoutImage is nil when the Pod is at the
	// current version. update is what the set's last update in place recorded, nil when there has been none.
	full, withoutImage *hashRecord
	update             *updateRecord

	// These are the answers of the methods of their names.
	updated, ready, hotFinished, serves, disturbed, returning, changedByOthers, sidecarsReady, marked bool
	// carriedOut reports whether the kubelet has carried out what was written, settled whether nothing is owed either.
	// answered reports whether what it says of a resize is the end of it.
	carriedOut, settled, answered bool
	// held tells that the set keeps the Pod NotReady, heldSince since when it is so. hookState is where the Pod is between
	// the set's hooks, hookSince since when.
	held                 bool
	hookState            v1beta1.LifecycleStateType
	heldSince, hookSince time.Time

	readySince, servesSince time.Time
	heldByOthers            string
	// broken is a sidecar that cannot run, "" for none, and brokenReason why.
	broken, brokenReason string
	workload             workload.ID

	// owed are the containers whose new resources the update has recorded and not written.
	owed []string
	// heldResize is what the kubelet says of the new resources that the update wrote and it does not give, or the API server
	// of those that it did not write.
	heldResize inplace.ResizeAnswer
}

// View decodes a Pod's annotations. What cannot be read is as good as absent: no Pod is refused, and no rollout stops,
// for an annotation that somebody garbled.
func (d *Decoder) View(pod *corev1.Pod) *View {
	v, name := &View{records: records{pod}, set: d.set}, d.set.Name()
	v.full = d.hash(pod.Annotations[v1beta1.SidecarSetHashAnnotation])
	v.updated = v.full.Hash == d.set.Hashes.Full
	if !v.updated {
		v.withoutImage = d.hash(pod.Annotations[v1beta1.SidecarSetHashWithoutImageAnnotation])
	}
	v.update = readUpdate(pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation], name)
	v.owed = v.owedResizes(v.update)
	v.heldResize = v.resizeAnswer(v.update)
	v.answered = v.answers()
	v.carriedOut = v.carriesOut(v.update) || v.answered && v.runsImages(v.update)
	v.settled = v.carriedOut && (len(v.owed) == 0 || v.ResizeRefused() != "")
	if words := v.ResizeRefused(); words != "" && (v.answered || !v.heldResize.Held()) {
		v.heldResize, v.answered = inplace.Infeasible(words), true
	}
	v.ready, v.readySince = readiness(pod)
	v.readLifecycle(name)
	v.hotFinished, v.returning = v.finishesHot(), v.returns()
	v.sidecarsReady = len(v.unreadySidecars()) == 0
	v.disturbed, v.servesSince = v.disturbs(), v.readServesSince()
	v.serves, v.workload = Serves(pod), workload.Of(pod)
	v.changedByOthers, v.heldByOthers = v.othersChange(), v.othersHold()
	v.broken, v.brokenReason = v.findBroken()
	v.marked = pods.Condition(pod, v1beta1.SidecarSetUpgradableCondition) != nil
	return v
}

// Holds reports whether the set was injected into the Pod and all of its containers are there.
func (v *View) Holds() bool { return v.holds(v.set) }

// Updated reports whether the Pod is at the set's current version.
func (v *View) Updated() bool { return v.updated }

// Upgradable reports whether images alone separate the Pod from the set's current version. If not, only a new Pod can
// have it.
func (v *View) Upgradable() bool {
	return v.updated || v.withoutImage.Hash == v.set.Hashes.WithoutImage
}

// Settled reports whether the kubelet has carried out the set's last in-place update of the Pod, if there was one, but for
// a resize of which it has said that it does not make it: see ResizeAnswered.
func (v *View) Settled() bool { return v.settled }

// CarriedOut is Settled, but for new resources that are still to be written: all that was written has been carried out.
func (v *View) CarriedOut() bool { return v.carriedOut }

// UnderWay reports whether the kubelet is about what the set's last in-place update wrote. It is not when all that is
// missing is a resize that it holds back: that may stay so until something else is written.
func (v *View) UnderWay() bool {
	return !v.carriedOut && !(v.runsImages(v.update) && v.heldResize.Held())
}

// carriesOut reports whether the kubelet has carried out what an update recorded.
func (r *records) carriesOut(record *updateRecord) bool {
	return r.runsImages(record) && len(r.awaitedResizes(record)) == 0
}

// runsImages reports whether the kubelet runs the images that an update wrote.
func (r *records) runsImages(record *updateRecord) bool {
	if len(r.Pod.Spec.Containers) != len(r.Pod.Status.ContainerStatuses) {
		return false
	}
	if record == nil {
		return true
	}
	for name, before := range record.LastContainerStatuses {
		if !inplace.Finished(r.Pod, name, before) {
			return false
		}
	}
	return true
}

// awaitedResizes are the containers that do not have the resources yet that an update has given them.
func (r *records) awaitedResizes(record *updateRecord) []string {
	if record == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(record.Resized), func(name string) bool { return inplace.Resized(r.Pod, name) })
}

// ResizeRefused is what the API server said when it refused to write the resources that the update owes the Pod, since its
// node can never give them; "" where none are owed, or for another reason.
func (v *View) ResizeRefused() string {
	if len(v.owed) == 0 {
		return ""
	}
	return v.update.ResizeRefused
}

// HeldResize is what the kubelet says of the resources that the set's last update wrote and that it does not give to the
// Pod, or the API server for it; no answer when it has, or is about it.
func (v *View) HeldResize() inplace.ResizeAnswer { return v.heldResize }

// ResizeAnswered reports whether nothing is to be waited for although the kubelet does not make a resize. The node never
// can, or cannot now: whenever the kubelet makes it after all, no container stops. Where one would be restarted then, at
// a time that nobody chooses, the update is not at its end, and neither is it while the kubelet tries and fails.
func (v *View) ResizeAnswered() bool { return v.answered }

func (v *View) answers() bool {
	return v.heldResize.Infeasible() || v.heldResize.Deferred() && !v.restartsLater()
}

// restartsLater reports whether a container of the set is restarted once the kubelet makes a resize that it has put off.
func (v *View) restartsLater() bool {
	restarts, awaited := false, v.awaitedResizes(v.update)
	v.set.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			restarts = restarts || slices.Contains(awaited, name) && inplace.RestartsAt(v.Pod, name, c.ResizePolicy)
		}
	})
	return restarts
}

// resizeAnswer is what the kubelet says of the resources that an update has written and that are not given.
func (r *records) resizeAnswer(record *updateRecord) inplace.ResizeAnswer {
	if len(r.awaitedResizes(record)) == 0 {
		return inplace.ResizeAnswer{}
	}
	return inplace.HeldResize(r.Pod)
}

// Touched reports whether the set has ever changed the Pod in place.
func (v *View) Touched() bool { return v.update != nil }

// Ready reports whether the Pod serves: it runs and its Ready condition is true.
func (v *View) Ready() bool { return v.ready }

// ReadySince is when the Pod became ready, zero when it is not.
func (v *View) ReadySince() time.Time { return v.readySince }

func readiness(pod *corev1.Pod) (bool, time.Time) {
	if c := pods.Condition(pod, corev1.PodReady); pods.IsTrue(c) {
		return pod.Status.Phase == corev1.PodRunning, c.LastTransitionTime.Time
	}
	return false, time.Time{}
}

// SidecarsReady reports whether every sidecar of the set in the Pod is ready.
func (v *View) SidecarsReady() bool { return v.sidecarsReady }

// notStarted are what a kubelet says of a container before it has tried to start it.
var notStarted = map[string]bool{"PodInitializing": true, "ContainerCreating": true}

// SidecarsStarted reports whether the kubelet has got as far as to start every sidecar of the set in the Pod, even if
// it could not.
func (v *View) SidecarsStarted() bool {
	started := true
	v.set.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			status := pods.Status(v.Pod, name)
			if pods.Find(v.Pod, name) != nil && (status == nil || status.State.Waiting != nil && notStarted[status.State.Waiting.Reason]) {
				started = false
			}
		}
	})
	return started
}

// Broken names a sidecar of the set that cannot run in the Pod, with the kubelet's reason; empty when there is none.
func (v *View) Broken() (name, reason string) { return v.broken, v.brokenReason }

func (v *View) findBroken() (name, reason string) {
	v.set.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, inPod := range namesInPod(c) {
			if r := pods.BrokenReason(v.Pod, inPod); r != "" && name == "" {
				name, reason = inPod, r
			}
		}
	})
	return name, reason
}

// Marked reports whether the Pod says which sets can bring it up to date.
func (v *View) Marked() bool { return v.marked }

// Workload is what the Pod belongs to.
func (v *View) Workload() workload.ID { return v.workload }

// Image is that of a container of the Pod, "" when it has none of the name.
func (v *View) Image(name string) string { return pods.Image(v.Pod, name) }

// WrittenAt is when the Pod got the version of the set that it says it is at, by injection or by an update.
func (v *View) WrittenAt() time.Time { return v.full.UpdateTimestamp.Time }

// RecordedHash is that of the version that the Pod says it is at.
func (v *View) RecordedHash() string { return v.full.Hash }

// RecordedRevision is the revision of the set that the Pod says it is at. Of a Pod that was created between a change of
// the set and its next status it is the one before.
func (v *View) RecordedRevision() string { return v.full.ControllerRevision }

// RevisionIn names the revision that records what a Pod has. The hash tells it: the name that the Pod was marked with may
// be that of the version before, or none, when it was created before the status named its version. Only of revisions
// that do not say their hash the name has to be believed.
func (v *View) RevisionIn(revisions []*appsv1.ControllerRevision) string {
	name := v.RecordedRevision()
	for _, r := range slices.Backward(revisions) {
		if r.Annotations[v1beta1.SidecarSetHashAnnotation] == v.RecordedHash() && v.RecordedHash() != "" {
			return r.Name
		}
	}
	for _, r := range revisions {
		if r.Name == name && r.Annotations[v1beta1.SidecarSetHashAnnotation] != "" {
			return "" // it is another version's
		}
	}
	return name
}
