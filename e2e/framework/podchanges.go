// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Replay shows every change to a function, with the Pods by name as they are after it.
func Replay(changes []PodChange, see func(change *PodChange, pods map[string]*corev1.Pod)) {
	pods := map[string]*corev1.Pod{}
	for i := range changes {
		c := &changes[i]
		if c.After == nil {
			delete(pods, c.Name())
		} else {
			pods[c.Name()] = c.After
		}
		see(c, pods)
	}
}

// MostDown returns how many of the named Pods did not serve at the same time at most: that were not there, or not
// ready. It counts from the moment when all of them served for the first time.
func MostDown(changes []PodChange, names ...string) (most int) {
	up := false
	Replay(changes, func(_ *PodChange, pods map[string]*corev1.Pod) {
		down := 0
		for _, name := range names {
			if pods[name] == nil || !IsReady(pods[name]) {
				down++
			}
		}
		up = up || down == 0
		if up {
			most = max(most, down)
		}
	})
	return most
}

// Updates returns the changes by which Pods were brought to another revision in place, or began to go.
func Updates(changes []PodChange) (out []PodChange) {
	for _, c := range changes {
		if c.Before == nil || c.After == nil {
			continue
		}
		relabelled := c.Before.Labels[appsv1.ControllerRevisionHashLabelKey] != c.After.Labels[appsv1.ControllerRevisionHashLabelKey]
		if relabelled || (c.Before.DeletionTimestamp == nil && c.After.DeletionTimestamp != nil) {
			out = append(out, c)
		}
	}
	return out
}

// OperatorWrites says of every write of ours to a Pod that stays what it changed, in order. Writes are told apart by
// what only we change: the Pod but for its status, and the conditions of our readiness gates. A write that changes
// nothing is not seen.
func OperatorWrites(changes []PodChange, name string) (out []string) {
	for i := range changes {
		c := &changes[i]
		if c.Name() != name || c.Before == nil || c.After == nil || c.Before.UID != c.After.UID {
			continue
		}
		if what := operatorWrote(c.Before, c.After); len(what) > 0 {
			out = append(out, strings.Join(what, ", "))
		}
	}
	return out
}

func operatorWrote(before, after *corev1.Pod) (what []string) {
	if !maps.Equal(before.Labels, after.Labels) {
		what = append(what, "labels")
	}
	if !maps.Equal(before.Annotations, after.Annotations) {
		what = append(what, "annotations")
	}
	if !slices.Equal(before.Finalizers, after.Finalizers) {
		what = append(what, "finalizers")
	}
	// The scheduler binds a Pod; nobody else but us changes its spec.
	if before.Spec.NodeName == after.Spec.NodeName && !equality.Semantic.DeepEqual(before.Spec, after.Spec) {
		what = append(what, "spec")
	}
	for _, kind := range []corev1.PodConditionType{v1beta1.InPlaceUpdateReadyCondition, v1beta1.KruisePodReadyCondition} {
		if a, b := PodCondition(before, kind), PodCondition(after, kind); a.Status != b.Status || a.Message != b.Message {
			what = append(what, string(kind)+"="+string(b.Status))
		}
	}
	return what
}

// PodCondition is a condition of a Pod, zero when there is none.
func PodCondition(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return pod.Status.Conditions[i]
		}
	}
	return corev1.PodCondition{}
}
