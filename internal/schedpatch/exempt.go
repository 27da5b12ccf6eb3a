// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Exempt reports whether a new Pod is never patched: its node is chosen already, it only mirrors what a kubelet runs,
// or it belongs to a DaemonSet.
func Exempt(pod *corev1.Pod) bool {
	if pod.Spec.NodeName != "" {
		return true
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return true
	}
	owner := metav1.GetControllerOf(pod)
	return owner != nil && IsDaemonSet(owner)
}

// IsDaemonSet reports whether an owner is a DaemonSet, of whatever group: its controller picks the node of each Pod.
func IsDaemonSet(owner *metav1.OwnerReference) bool { return owner.Kind == daemonSet }

// daemonSet is the kind whose Pods are never patched.
const daemonSet = "DaemonSet"
