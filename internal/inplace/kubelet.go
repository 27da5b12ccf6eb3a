// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// KubeletNeeds is what a change in place asks of the kubelet that is to make it, and that not every kubelet can do.
type KubeletNeeds struct {
	// NativeSidecars are to start anew, or may have to. Resizes are to be made.
	NativeSidecars, Resizes bool
}

// KubeletNeeds is what the change asks of the kubelet of a Pod.
func (c Change) KubeletNeeds(pod *corev1.Pod) KubeletNeeds {
	needs := KubeletNeeds{Resizes: len(c.Resources) > 0 && c.ResizeRefused == ""}
	for i := range pod.Spec.InitContainers {
		name := pod.Spec.InitContainers[i].Name
		_, restarts := c.Restart[name]
		image, changes := c.Images[name]
		if pods.IsNativeSidecar(&pod.Spec.InitContainers[i]) && (restarts || changes && pods.Image(pod, name) != image) {
			needs.NativeSidecars = true
		}
	}
	return needs
}

// Obstacle says why the kubelet of a node, by the version that it reports, cannot make the change; "" when it can, or when
// its version is not known.
func (n KubeletNeeds) Obstacle(node, kubelet string) string {
	if n.NativeSidecars {
		if old := NativeSidecarObstacle(node, kubelet); old != "" {
			return old
		}
	}
	if n.Resizes {
		return ResizeVersionObstacle(node, kubelet)
	}
	return ""
}

// Waits says why a Pod waits with its change: its node does not say which kubelet it has, and what would come of it is not
// to be found out by a restart; "" when it need not. A Pod without a node has time.
func (n KubeletNeeds) Waits(node, kubelet string) string {
	if node == "" || !n.NativeSidecars && !n.Resizes || !KubeletUnknown(kubelet) {
		return ""
	}
	return fmt.Sprintf("Node %s does not say which version its kubelet has (status.nodeInfo.kubeletVersion), and this change takes one "+
		"that can make it", node)
}
