// SPDX-License-Identifier: Apache-2.0

package pods

import corev1 "k8s.io/api/core/v1"

// Condition returns a condition of a Pod, nil when it has none of the type.
func Condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// IsTrue reports whether a condition is there and True.
func IsTrue(c *corev1.PodCondition) bool { return c != nil && c.Status == corev1.ConditionTrue }

// IsFalse reports whether a condition is there and False.
func IsFalse(c *corev1.PodCondition) bool { return c != nil && c.Status == corev1.ConditionFalse }

// Ended reports whether a Pod will not run again, whatever happens.
func Ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// Live reports whether a Pod runs or will: it has not ended and is not being deleted.
func Live(pod *corev1.Pod) bool { return pod.DeletionTimestamp == nil && !Ended(pod) }

// Ready reports whether a Pod runs and its Ready condition is True.
func Ready(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodRunning && IsTrue(Condition(pod, corev1.PodReady))
}

// HasGate reports whether a Pod's readiness depends on a condition.
func HasGate(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	for i := range pod.Spec.ReadinessGates {
		if pod.Spec.ReadinessGates[i].ConditionType == kind {
			return true
		}
	}
	return false
}

// Unschedulable reports whether the scheduler found no node for a Pod.
func Unschedulable(pod *corev1.Pod) bool {
	c := Condition(pod, corev1.PodScheduled)
	return IsFalse(c) && c.Reason == corev1.PodReasonUnschedulable
}

// Gated reports whether scheduling gates keep a Pod from being scheduled.
func Gated(pod *corev1.Pod) bool {
	c := Condition(pod, corev1.PodScheduled)
	return IsFalse(c) && c.Reason == corev1.PodReasonSchedulingGated
}

// NodeLost reports whether a Pod is not Ready for no other reason than that its node does not answer: the node's
// controller marks such Pods not Ready, and leaves everything else as the kubelet last wrote it.
func NodeLost(pod *corev1.Pod) bool {
	if pod.Status.Reason == "NodeLost" {
		return true
	}
	ready := Condition(pod, corev1.PodReady)
	return pod.Status.Phase == corev1.PodRunning && IsFalse(ready) && ready.Reason == "" &&
		IsTrue(Condition(pod, corev1.ContainersReady)) && closedGate(pod) == ""
}

// closedGate names the first readiness gate that keeps a Pod from being Ready.
func closedGate(pod *corev1.Pod) string {
	for _, gate := range pod.Spec.ReadinessGates {
		if !IsTrue(Condition(pod, gate.ConditionType)) {
			return string(gate.ConditionType)
		}
	}
	return ""
}
