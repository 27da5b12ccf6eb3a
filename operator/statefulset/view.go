// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
)

// View is one Pod of a set, with what decisions need read out once.
type View struct {
	Pod *corev1.Pod
	// Ordinal is the number at the end of the Pod's name.
	Ordinal int
	// Orphan tells that the Pod has no controller and is the set's to adopt.
	Orphan bool
	// Revision names the revision that the Pod is at, "" when it does not say.
	Revision string
	// State is where the Pod is between its hooks. A Pod without the label is Normal.
	State v1beta1.LifecycleStateType
	// TimedOut tells that the inPlaceUpdate hook did not let go of the Pod in time, so that it is Normal though its label
	// still says PreparingUpdate. It is not to be changed for a while.
	TimedOut bool
	// Broken says why the Pod will not run unless something changes: what the kubelet or the scheduler says of it; ""
	// when nothing does.
	Broken string
	// Going says what keeps a Pod that is being deleted; "" when its grace period is all that is to be waited for.
	Going string
	// Unfinished says what a change in place still waits for; "" when none is under way.
	Unfinished string
	// Limited is what the kubelet answers of a resize that it does not make, where nothing is waited for any more: the Pod
	// keeps the resources that it had.
	Limited inplace.ResizeAnswer
	// LeftOver tells that OpenKruise may have left something to be done later in the Pod: see inplace.LeftOver.
	LeftOver bool
	// Asked tells that a person labelled the Pod for deletion.
	Asked bool
	// Named tells that the Pod's labels say which Pod of its set it is.
	Named bool
	// Gated and ReadyGated tell that the Pod's readiness depends on InPlaceUpdateReady, and on KruisePodReady.
	Gated, ReadyGated bool
	// Open tells that InPlaceUpdateReady is True, and Draining that the Pod was taken out of service by it for a change in
	// place.
	Open, Draining bool
	// Ready tells that the Pod is Ready and that no readiness gate of ours says otherwise.
	Ready bool
	// Available tells that the Pod has been Ready for minReadySeconds, waits for no hook and no change in place, and is
	// not going.
	Available bool
	// AvailableIn is when the Pod has been Ready for minReadySeconds; 0 when time is not what it waits for.
	AvailableIn time.Duration
}

// newView reads a Pod of the set. Its name must end in an ordinal.
func (s *Snapshot) newView(pod *corev1.Pod) *View {
	v := &View{
		Pod: pod, Ordinal: ordinalOf(s.Set.Name, pod.Name), Revision: pod.Labels[appsv1.ControllerRevisionHashLabelKey],
		State:  v1beta1.LifecycleStateType(pod.Labels[v1beta1.LifecycleStateLabel]),
		Broken: pods.Broken(pod), Going: pods.Going(pod, s.Now), LeftOver: inplace.LeftOver(pod),
	}
	_, v.Asked = pod.Labels[v1beta1.SpecifiedDeleteLabel]
	v.Named = named(pod)
	v.Unfinished, v.Limited = s.unfinished(v)
	if !states.Has(v.State) { // no label, or one that nobody could lead the Pod out of
		v.State = v1beta1.LifecycleStateNormal
	}
	v.readTimeout(s)
	v.readGates()
	if v.Ready && !v.terminating() && v.State == v1beta1.LifecycleStateNormal && v.Unfinished == "" {
		v.AvailableIn = s.untilAvailable(pods.Condition(pod, corev1.PodReady).LastTransitionTime.Time)
		v.Available = v.AvailableIn == 0
	}
	return v
}

// readGates reads what the readiness gates of ours say.
func (v *View) readGates() {
	own := pods.Condition(v.Pod, v1beta1.InPlaceUpdateReadyCondition)
	v.Gated, v.ReadyGated = pods.HasGate(v.Pod, v1beta1.InPlaceUpdateReadyCondition), pods.HasGate(v.Pod, v1beta1.KruisePodReadyCondition)
	v.Open, v.Draining = pods.IsTrue(own), pods.IsFalse(own) && own.Reason == v1beta1.ReasonStartInPlaceUpdate
	v.Ready = pods.Ready(v.Pod) && !pods.IsFalse(own) && !pods.IsFalse(pods.Condition(v.Pod, v1beta1.KruisePodReadyCondition))
}

// states are those that a Pod can be in between its hooks.
var states = sets.New(
	v1beta1.LifecycleStatePreparingNormal, v1beta1.LifecycleStateNormal, v1beta1.LifecycleStatePreparingUpdate,
	v1beta1.LifecycleStateUpdating, v1beta1.LifecycleStateUpdated, v1beta1.LifecycleStatePreparingDelete,
)

// terminating reports whether the Pod is going. It cannot come back.
func (v *View) terminating() bool { return v.Pod.DeletionTimestamp != nil }

// ended reports whether the Pod will not run again, whatever happens.
func (v *View) ended() bool {
	return pods.Ended(v.Pod)
}

// untilAvailable is when a Pod that became Ready at a time will have been so for minReadySeconds. That time is of its
// node's clock, which may be ahead of ours: where nothing is to be waited for it is not looked at.
func (s *Snapshot) untilAvailable(ready time.Time) time.Duration {
	wanted := time.Duration(s.minReadySeconds()) * time.Second
	if wanted == 0 {
		return 0
	}
	return max(0, wanted-s.Now.Sub(ready))
}

// state says in a few words why a Pod is not available.
func state(view *View) string {
	switch {
	case view == nil:
		return "it does not exist"
	case view.terminating() && view.Going != "":
		return "it is being deleted: " + view.Going
	case view.terminating():
		return "it is being deleted"
	case view.Broken != "":
		return pods.Trouble(view.Pod)
	case view.TimedOut:
		return "its hook inPlaceUpdate did not let go in time"
	case view.State != v1beta1.LifecycleStateNormal:
		return "lifecycle state " + string(view.State)
	case view.Unfinished != "":
		return view.Unfinished
	case !view.Ready && view.Draining:
		return "out of service for its change in place"
	case !view.Ready:
		return cmp.Or(pods.Trouble(view.Pod), "not Ready")
	case view.AvailableIn > 0:
		return "Ready for less than minReadySeconds"
	}
	return "available"
}
