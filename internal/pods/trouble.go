// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Broken returns the one word for why a Pod cannot run as it is, for programs to compare: it failed, no node takes it,
// or a container, init containers included, waits with a reason that does not pass by itself; "" when there is none.
func Broken(pod *corev1.Pod) string {
	switch {
	case pod.Status.Phase == corev1.PodFailed:
		return "Failed"
	case Unschedulable(pod):
		return corev1.PodReasonUnschedulable
	}
	for status := range Statuses(pod) {
		if reason := brokenReason(status); reason != "" {
			return reason
		}
	}
	return ""
}

// Trouble says why a Pod does not run or serve, what is worst first; "" when it is Ready. A Pod that is going is not
// asked about: see Going.
//
//	no node takes it: 0/3 nodes are available: 3 Insufficient cpu. (Unschedulable)
//	it waits for its scheduling gates: example.com/quota
//	node worker-1 does not answer
//	readiness gate example.com/lb is not True
//
// or what ContainerTrouble says of the first container that is in trouble.
func Trouble(pod *corev1.Pod) string {
	switch {
	case Ended(pod):
		return ended(pod)
	case Gated(pod):
		return "it waits for its scheduling gates" + colon(gates(pod))
	case Unschedulable(pod):
		return "no node takes it" + colon(Condition(pod, corev1.PodScheduled).Message) + " (" + corev1.PodReasonUnschedulable + ")"
	case pod.Spec.NodeName == "":
		return "it has no node yet"
	case NodeLost(pod):
		return "node " + pod.Spec.NodeName + " does not answer"
	case IsTrue(Condition(pod, corev1.PodReady)):
		return ""
	}
	return notReady(pod)
}

// ended tells of a Pod that will not run again.
func ended(pod *corev1.Pod) string {
	if pod.Status.Phase == corev1.PodSucceeded {
		return "all of its containers have ended"
	}
	if pod.Status.Reason != "" {
		return "it failed: " + pod.Status.Reason + colon(pod.Status.Message)
	}
	if text := worst(pod, false); text != "" {
		return "it failed: " + text
	}
	return "it failed"
}

func gates(pod *corev1.Pod) string {
	names := make([]string, len(pod.Spec.SchedulingGates))
	for i := range names {
		names[i] = pod.Spec.SchedulingGates[i].Name
	}
	return strings.Join(names, ", ")
}

func notReady(pod *corev1.Pod) string {
	if text := worst(pod, true); text != "" {
		return text
	}
	if len(pod.Status.ContainerStatuses) == 0 || anyWaits(pod) {
		return "its containers are about to start"
	}
	if gate := closedGate(pod); gate != "" {
		c := Condition(pod, corev1.PodConditionType(gate))
		if c == nil {
			return "readiness gate " + gate + " has not been set"
		}
		return "readiness gate " + gate + " is not True" + colon(c.Message)
	}
	return "not Ready"
}

// worst is what is wrong with the first container that cannot run or, if there is none, with the first that is not
// ready. Containers start after init containers, so these come first.
func worst(pod *corev1.Pod, unready bool) string {
	first := ""
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			text := ContainerTrouble(pod, list[i].Name)
			status := Status(pod, list[i].Name)
			if text != "" && (brokenReason(status) != "" || failed(status)) {
				return text
			}
			if first == "" && unready {
				first = text
			}
		}
	}
	return first
}

// failed reports whether a container has ended, and not well.
func failed(status *corev1.ContainerStatus) bool {
	return status != nil && status.State.Terminated != nil && status.State.Terminated.ExitCode != 0
}

// Crashed returns the kubelet's word for how the first container that has failed ended, as kubectl get pods shows it
// until the kubelet says CrashLoopBackOff; "" when none has.
func Crashed(pod *corev1.Pod) string {
	for status := range Statuses(pod) {
		if failed(status) {
			return cmp.Or(status.State.Terminated.Reason, "Error")
		}
	}
	return ""
}

func anyWaits(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].State.Waiting != nil {
			return true
		}
	}
	return false
}

// Going says what keeps a Pod that is being deleted, "" when its grace period is all that is to be waited for:
//
//	finalizers example.com/hold
//	node worker-1 has not stopped it although its grace period is over
func Going(pod *corev1.Pod, now time.Time) string {
	if pod.DeletionTimestamp == nil {
		return ""
	}
	late := now.After(pod.DeletionTimestamp.Add(slack))
	var why []string
	if len(pod.Finalizers) > 0 {
		why = append(why, "finalizers "+strings.Join(pod.Finalizers, ", "))
	}
	if late && pod.Spec.NodeName != "" && running(pod) {
		why = append(why, fmt.Sprintf("node %s has not stopped it although its grace period is over", pod.Spec.NodeName))
	}
	return strings.Join(why, "; ")
}

// slack is how long a kubelet may take to end what it has stopped.
const slack = 15 * time.Second

// running reports whether the kubelet has not said that all containers ended.
func running(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].State.Terminated == nil {
			return true
		}
	}
	return len(pod.Status.ContainerStatuses) == 0
}

// GoingLooksAgain returns in how long what Going says may change though nothing happens to the Pod; 0 for never.
func GoingLooksAgain(pod *corev1.Pod, now time.Time) time.Duration {
	if pod.DeletionTimestamp == nil {
		return 0
	}
	return max(0, pod.DeletionTimestamp.Time.Add(slack).Sub(now)+time.Millisecond)
}
