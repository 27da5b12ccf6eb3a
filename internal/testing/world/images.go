// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// startError is the runtime's word for a container that it made and could not start. No image of a world has a command
// that a container could name.
const startError = "StartError"

// Has reports whether a node has pulled an image.
func (n *Nodes) Has(node, image string) bool { return n.images[node][image] }

// HasAny reports whether any node has pulled an image.
func (n *Nodes) HasAny(image string) bool {
	for _, images := range n.images {
		if images[image] {
			return true
		}
	}
	return false
}

// Pulls gives a node an image.
func (n *Nodes) Pulls(node, image string) {
	if n.images[node] == nil {
		n.images[node] = map[string]bool{}
	}
	n.images[node][image] = true
}

// Forgets lets a node have no image of a name any more, as when its kubelet needs room.
func (n *Nodes) Forgets(node, image string) { delete(n.images[node], image) }

// pull has a node pull an image, unless it has it, and tells the reason why a container waits for it.
func (n *Nodes) pull(node, image string) string {
	trouble := n.Troubles[node]
	switch {
	case n.Has(node, image):
		return ""
	case n.Broken[image], strings.HasSuffix(image, BadTag) && !n.Pushed[image], trouble == NoPull:
		return "ImagePullBackOff"
	case trouble == Trickles && n.IfNotPresent:
		return "ContainerCreating"
	}
	n.Pulls(node, image)
	return ""
}

// startsInPart reports whether a Pod on a node with some trouble starts what the node has the image of.
func (n *Nodes) startsInPart(trouble Trouble) bool {
	return n.IfNotPresent && (trouble == NoPull || trouble == Trickles)
}

// neverStarted is the state of a container whose command its image does not have.
func neverStarted(id string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		Reason: startError, ExitCode: 128, ContainerID: id, Message: "exec: no such file or directory: unknown",
	}}
}

// lost fails a Pod whose containers have all ended and are not started again.
func (n *Nodes) lost(pod *corev1.Pod) {
	ended := !slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.State.Terminated == nil || c.State.Terminated.Reason != startError
	})
	if pod.Spec.RestartPolicy == corev1.RestartPolicyNever && len(pod.Status.ContainerStatuses) > 0 && ended {
		pod.Status.Phase = corev1.PodFailed
		n.Stopped[pod.UID] = true
	}
}

// pastDeadline reports whether a Pod has had all the time that it may take.
func (n *Nodes) pastDeadline(pod *corev1.Pod) bool {
	span := pod.Spec.ActiveDeadlineSeconds
	return span != nil && !ended(pod) && n.Now().Sub(pod.CreationTimestamp.Time) >= time.Duration(*span)*time.Second
}

// fail ends a Pod for a reason of its kubelet.
func (n *Nodes) fail(key client.ObjectKey, reason string) string {
	n.ChangePod(key, func(pod *corev1.Pod) {
		n.Stopped[pod.UID] = true
		pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, reason
		n.SetReady(pod, false)
	})
	return fmt.Sprintf("%s fails: %s", key.Name, reason)
}
