// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// mayHaveRun reports whether a container has been made more than once and may have run in between, of which the Pod
// shows the last time alone. One that has no image now had one then, so it has run for all we know. One that the
// runtime cannot start may never have run, and its node may be at fault: that is believed where nothing that it could
// have written goes with the Pod.
func mayHaveRun(pod *corev1.Pod) bool {
	return slices.ContainsFunc(containers(pod), func(c container) bool {
		return c.status.RestartCount > 0 && (!c.failsToStart() || keepsData(pod))
	})
}

// failsToStart reports whether the container was made, and could not be started.
func (c container) failsToStart() bool {
	reason, _ := c.failure()
	return reason == reasonStartError || reason == "RunContainerError"
}

// keepsData reports whether a Pod has volumes that outlive its containers and not the Pod, or that stay behind on its
// node.
func keepsData(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.EmptyDir != nil || v.Ephemeral != nil || v.HostPath != nil || v.CSI != nil
	})
}
