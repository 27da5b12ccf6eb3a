// SPDX-License-Identifier: Apache-2.0

// Package podready reads and makes the condition KruisePodReady of Pods. Several programs keep one Pod NotReady by it,
// each for reasons of its own: its message lists them. Whoever writes it leaves what others hold, and has the API server
// refuse the write if the Pod has changed since: see podpatch.Conditions.
package podready

import (
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// Hold is an entry in the message: a program that keeps the Pod from being Ready, and its reason.
type Hold struct {
	UserAgent string `json:"userAgent"`
	Key       string `json:"key"`
}

// OfSidecarSet is the hold of a SidecarSet.
func OfSidecarSet(name string) Hold { return Hold{v1beta1.SidecarSetReadinessAgent, name} }

// Gated reports whether the condition decides about the readiness of a Pod.
func Gated(pod *corev1.Pod) bool { return pods.HasGate(pod, v1beta1.KruisePodReadyCondition) }

// Holds are those of a Pod. What cannot be read holds nothing, as on the wire.
func Holds(pod *corev1.Pod) []Hold {
	c := pods.Condition(pod, v1beta1.KruisePodReadyCondition)
	if c == nil || c.Message == "" {
		return nil
	}
	var out []Hold
	if err := json.Unmarshal([]byte(c.Message), &out); err != nil {
		return nil
	}
	return out
}

// SidecarSets are the names of the SidecarSets that hold a Pod.
func SidecarSets(pod *corev1.Pod) []string {
	var out []string
	for _, h := range Holds(pod) {
		if h.UserAgent == v1beta1.SidecarSetReadinessAgent {
			out = append(out, h.Key)
		}
	}
	return out
}

// Has reports whether a Pod is held so.
func Has(pod *corev1.Pod, h Hold) bool { return slices.Contains(Holds(pod), h) }

// With are the holds of a Pod and one more, at the end.
func With(pod *corev1.Pod, h Hold) []Hold {
	if holds := Holds(pod); slices.Contains(holds, h) {
		return holds
	}
	return append(Holds(pod), h)
}

// Without are the holds of a Pod but for those that are given up.
func Without(pod *corev1.Pod, givenUp func(Hold) bool) []Hold {
	return slices.DeleteFunc(Holds(pod), givenUp)
}

// Condition is what the condition of a Pod is to be while it is held so: False while there is any hold. Its transition
// time is that of the status, so that it tells since when a Pod is NotReady by it, whoever came or went since.
func Condition(pod *corev1.Pod, holds []Hold, now metav1.Time) corev1.PodCondition {
	c := corev1.PodCondition{Type: v1beta1.KruisePodReadyCondition, Status: corev1.ConditionTrue, LastTransitionTime: now}
	if len(holds) > 0 {
		message, _ := json.Marshal(holds) // texts always encode
		c.Status, c.Message = corev1.ConditionFalse, string(message)
	}
	if has := pods.Condition(pod, c.Type); has != nil && has.Status == c.Status {
		c.LastTransitionTime = has.LastTransitionTime
	}
	return c
}

// Differs reports whether a Pod's condition is not the given one.
func Differs(pod *corev1.Pod, c corev1.PodCondition) bool {
	has := pods.Condition(pod, c.Type)
	return has == nil || has.Status != c.Status || has.Message != c.Message
}

// ReasonNotReady is the kubelet's reason of Ready while a readiness gate is not open.
const ReasonNotReady = "ReadinessGatesNotReady"

// NotReady takes a Pod that is Ready out of its Services at once, together with a condition of a readiness gate of its
// that becomes False. Its kubelet would do so too, a moment later. by says who.
func NotReady(pod *corev1.Pod, now metav1.Time, by string) []corev1.PodCondition {
	if !pods.IsTrue(pods.Condition(pod, corev1.PodReady)) {
		return nil
	}
	return []corev1.PodCondition{{
		Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: now,
		Reason: ReasonNotReady, Message: "taken out of service by " + by,
	}}
}
