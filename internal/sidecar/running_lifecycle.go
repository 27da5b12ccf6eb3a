// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"encoding/json"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/lifecycle"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/pods"
)

// A Pod that serves is taken out of service before a container of it restarts, where its set asks for that. Where it
// stands is all in the Pod: the set's hold in the condition KruisePodReady, and the set's entry in the annotation
// apps.kruise.io/sidecarset-lifecycle, which the program behind the set's hook reads.
//
//	                          held   entry
//	it serves                 no     none, or the one of an earlier update
//	it drains                 yes    PreparingUpdate: the hook is to let go of the Pod
//	the image is written      yes    Updating
//	its containers are back   no     Updated: the hook is to take hold of the Pod again
//	the hook did not let go   no     Normal: it is asked again later
//
// There is an entry only where the set has a hook, and a hold only where the Pod has the gate. Who reads a Pod needs no
// clock to know whether it is about to restart: what is over is written down.

// lifecycleRecord is what the annotation holds for one set.
type lifecycleRecord struct {
	State     v1beta1.LifecycleStateType `json:"state"`
	Timestamp metav1.Time                `json:"timestamp"`
}

// readLifecycle reads where a Pod is between the hooks of its set. What cannot be read is as good as absent.
func (v *View) readLifecycle(name string) {
	hold := podready.OfSidecarSet(name)
	if podready.Gated(v.Pod) && podready.Has(v.Pod, hold) {
		v.heldSince = pods.Condition(v.Pod, v1beta1.KruisePodReadyCondition).LastTransitionTime.Time
		v.held = true
	}
	var record lifecycleRecord
	if raw, ok := v.entries(v1beta1.SidecarSetLifecycleAnnotation)[name]; ok && json.Unmarshal(raw, &record) == nil {
		v.hookState, v.hookSince = record.State, record.Timestamp.Time
	}
}

// Held reports whether the set keeps the Pod NotReady.
func (v *View) Held() bool { return v.held }

// HeldSince is since when the Pod is NotReady because it is held, zero when the set does not hold it.
func (v *View) HeldSince() time.Time { return v.heldSince }

// HookState is where the Pod is between the hooks of the set's last update, and since when; "" when the set has asked no
// hook of it.
func (v *View) HookState() (v1beta1.LifecycleStateType, time.Time) { return v.hookState, v.hookSince }

// Hooked reports whether the set's hook holds updates of the Pod.
func (v *View) Hooked() bool { return lifecycle.Hooked(v.set.Hook(), v.Pod) }

// Unhooked reports whether the set's hook has yet to take hold of the Pod again after an update.
func (v *View) Unhooked() bool {
	return v.hookState == v1beta1.LifecycleStateUpdated && !lifecycle.AllHooked(v.set.Hook(), v.Pod)
}

// Begun reports whether the Pod is out of service, or about to leave it, for an update of the set: it is held, or its
// hook was asked to let go of it.
func (v *View) Begun() bool {
	return v.held || v.hookState != "" && open[v.hookState]
}

// Returning reports whether the Pod was let go, and its kubelet has not said yet that it is Ready: it is about to serve.
func (v *View) Returning() bool { return v.returning }

func (v *View) returns() bool {
	ready := pods.Condition(v.Pod, corev1.PodReady)
	if !podready.Gated(v.Pod) || !pods.IsFalse(ready) || ready.Reason != podready.ReasonNotReady || v.Pod.Status.Phase != corev1.PodRunning {
		return false
	}
	for _, gate := range v.Pod.Spec.ReadinessGates {
		if !pods.IsTrue(pods.Condition(v.Pod, gate.ConditionType)) {
			return false
		}
	}
	for i := range v.Pod.Spec.Containers {
		if !pods.ContainerReady(v.Pod, v.Pod.Spec.Containers[i].Name) {
			return false
		}
	}
	return true
}

// Between reports whether the Pod is between its service with the version before and that with the new one, or its
// earlier one if it was given up: it has begun, its hook has yet to take hold of it again, or it is returning.
func (v *View) Between() bool { return v.Begun() || v.Unhooked() || v.Returning() }

// HeldByOthers names another SidecarSet that keeps the Pod NotReady for a change of its own, or the Pod's StatefulSet; ""
// when there is none.
func (v *View) HeldByOthers() string { return v.heldByOthers }

func (v *View) othersHold() string {
	if !podready.Gated(v.Pod) {
		return ""
	}
	for _, h := range podready.Holds(v.Pod) {
		switch {
		case h.UserAgent == v1beta1.LifecycleReadinessAgent:
			return "its StatefulSet"
		case h.UserAgent == v1beta1.SidecarSetReadinessAgent && h.Key != v.set.Name():
			return "SidecarSet " + h.Key
		}
	}
	return ""
}

// Interrupts reports whether bringing a Pod to the set's current version stops a container that works in it. Of a
// hot-upgrade sidecar only the container that waits gets the new image.
func (s *Set) Interrupts(v *View, resized []string) bool {
	interrupts, resources := len(s.coldImages(v)) > 0, s.newResources(v, resized)
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			interrupts = interrupts || inplace.ResizeRestarts(c.ResizePolicy, resources[name])
		}
	})
	return interrupts
}

// OpenUpdates names the SidecarSets that hold a Pod NotReady, or asked a hook for an update of it that is not at its
// end: sorted, each once.
func OpenUpdates(pod *corev1.Pod) []string {
	var out []string
	if podready.Gated(pod) {
		out = podready.SidecarSets(pod)
	}
	r := records{Pod: pod}
	for name, raw := range r.entries(v1beta1.SidecarSetLifecycleAnnotation) {
		var record lifecycleRecord
		if json.Unmarshal(raw, &record) == nil && open[record.State] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// open are the states between the hooks of an update.
var open = map[v1beta1.LifecycleStateType]bool{v1beta1.LifecycleStatePreparingUpdate: true, v1beta1.LifecycleStateUpdating: true}

// WithoutLifecycle is what the annotation of a Pod says without the entries of some sets, "" when nothing is left.
func WithoutLifecycle(pod *corev1.Pod, sets []string) (string, error) {
	r := records{Pod: pod}
	all := r.entries(v1beta1.SidecarSetLifecycleAnnotation).clone()
	for _, name := range sets {
		delete(all, name)
	}
	if len(all) == 0 {
		return "", nil
	}
	return all.text()
}

// LifecycleText is what the annotation of a Pod says when the Pod enters a state, or has none any more for "".
func (s *Set) LifecycleText(v *View, state v1beta1.LifecycleStateType, now metav1.Time) (string, error) {
	all := v.entries(v1beta1.SidecarSetLifecycleAnnotation).clone()
	delete(all, s.Name())
	if state != "" {
		if err := all.put(s.Name(), lifecycleRecord{state, metav1.NewTime(now.UTC())}); err != nil {
			return "", err
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	return all.text()
}

// recordUpdating notes in the records of an update that the Pod goes from its hook into the update.
func (s *Set) recordUpdating(v *View, records map[string]string, now metav1.Time) error {
	switch {
	case s.Hook() == nil && v.hookState != v1beta1.LifecycleStatePreparingUpdate:
		return nil
	case v.hookState == "", v.hookState == v1beta1.LifecycleStateUpdated && !v.Unhooked():
		return nil
	}
	text, err := s.LifecycleText(v, v1beta1.LifecycleStateUpdating, now)
	if err == nil {
		records[v1beta1.SidecarSetLifecycleAnnotation] = text
	}
	return err
}
