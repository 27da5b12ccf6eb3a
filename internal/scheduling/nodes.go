// SPDX-License-Identifier: Apache-2.0

// Package scheduling decides which nodes the scheduler may put a Pod on, as far as node selector, required node
// affinity, taints and schedulability go. Resources, volumes and other Pods are not looked at.
package scheduling

import (
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	schedulingcorev1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// Allows returns a function that reports whether a node is allowed for Pods with these rules. A cordoned node is
// allowed for those that tolerate the taint node.kubernetes.io/unschedulable. Whether a node is Ready is not asked: the
// taints say so.
func Allows(selector map[string]string, affinity *corev1.Affinity, tolerations []corev1.Toleration) func(*corev1.Node) bool {
	matches := Matches(selector, affinity)
	return func(node *corev1.Node) bool { return matches(node) && tolerates(tolerations, node) }
}

// Ready reports whether a node's kubelet says that it works, and has said so lately.
func Ready(node *corev1.Node) bool {
	for i := range node.Status.Conditions {
		if c := &node.Status.Conditions[i]; c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Matches returns a function that reports whether the labels and the name of a node meet a node selector and the
// required node affinity.
func Matches(selector map[string]string, affinity *corev1.Affinity) func(*corev1.Node) bool {
	required := nodeaffinity.NewRequiredNodeAffinity(selector, affinity)
	return func(node *corev1.Node) bool {
		// An error means that a requirement cannot be read; such a term matches no node.
		matches, err := required.Match(node)
		return err == nil && matches
	}
}

// tolerates reports whether all taints of a node are tolerated that keep new Pods away.
func tolerates(tolerations []corev1.Toleration, node *corev1.Node) bool {
	taints := node.Spec.Taints
	if node.Spec.Unschedulable {
		// The taint comes a moment after the field that it stands for.
		taints = append(slices.Clip(taints), corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
	}
	repels := func(t *corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	}
	_, untolerated := schedulingcorev1.FindMatchingUntoleratedTaint(logr.Discard(), taints, tolerations, repels, true)
	return !untolerated
}
