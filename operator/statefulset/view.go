// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podcache"
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
	// Broken says why the Pod will not run unless something changes: what the kubelet or the scheduler says of it; ""
	// when nothing does.
	Broken string
	// Going says what keeps a Pod that is being deleted; "" when its grace period is all that is to be waited for.
	Going string
	// Unfinished says what a change in place still waits for; "" when none is under way.
	Unfinished string
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
		Broken: pods.Broken(pod), Going: pods.Going(pod, s.Now), Unfinished: inplace.Unfinished(pod),
	}
	if !states.Has(v.State) { // no label, or one that nobody could lead the Pod out of
		v.State = v1beta1.LifecycleStateNormal
	}
	condition := pods.Condition(pod, corev1.PodReady)
	v.Ready = pod.Status.Phase == corev1.PodRunning && pods.IsTrue(condition) &&
		!pods.IsFalse(pods.Condition(pod, v1beta1.InPlaceUpdateReadyCondition)) && !pods.IsFalse(pods.Condition(pod, v1beta1.KruisePodReadyCondition))
	if v.Ready && !v.terminating() && v.State == v1beta1.LifecycleStateNormal && v.Unfinished == "" {
		v.AvailableIn = s.untilAvailable(condition.LastTransitionTime.Time)
		v.Available = v.AvailableIn == 0
	}
	return v
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

// minReadySeconds is how long a Pod must be Ready before it counts as available: the larger of the two places that say
// so.
func (s *Snapshot) minReadySeconds() int32 {
	seconds := s.Set.Spec.MinReadySeconds
	if rolling := s.Set.Spec.UpdateStrategy.RollingUpdate; rolling != nil {
		seconds = max(seconds, ptr.Deref(rolling.MinReadySeconds, 0))
	}
	return seconds
}

// ordinalOf returns the ordinal of a Pod of the set, -1 for other Pods.
func ordinalOf(set, pod string) int {
	parent, ordinal, ok := podcache.SplitOrdinal(pod)
	if !ok || parent != set {
		return -1
	}
	return ordinal
}
