// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"iter"

	corev1 "k8s.io/api/core/v1"
)

// The two lists of a Pod's spec that have containers which can change.
const (
	Containers     = "containers"
	InitContainers = "initContainers"
)

// Container is a container or an init container of a Pod, and where the Pod has it.
type Container struct {
	*corev1.Container
	// List is Containers or InitContainers, Index the place in it.
	List  string
	Index int
}

// Find looks a container up by name among all of a Pod, init containers included; nil when there is none.
func Find(pod *corev1.Pod, name string) *Container {
	c := find(pod, name)
	if c.Container == nil {
		return nil
	}
	return &c // find is apart, so that this can stay on the caller's stack
}

func find(pod *corev1.Pod, name string) Container {
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; c.Name == name {
			return Container{c, Containers, i}
		}
	}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.Name == name {
			return Container{c, InitContainers, i}
		}
	}
	return Container{}
}

// Image is that of a container, or of an init container, as the spec has it; "" when there is none of the name.
func Image(pod *corev1.Pod, name string) string {
	if c := Find(pod, name); c != nil {
		return c.Image
	}
	return ""
}

// IsNativeSidecar reports whether an init container keeps running beside the Pod's containers.
func IsNativeSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// Status is what the kubelet reports of a container, or of an init container; nil when it has not done so yet.
func Status(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, list := range [...][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// Statuses are all container statuses that the kubelet reports, those of init containers first.
func Statuses(pod *corev1.Pod) iter.Seq[*corev1.ContainerStatus] {
	return func(yield func(*corev1.ContainerStatus) bool) {
		for _, list := range [...][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// ContainerReady reports whether the kubelet says that a container, or a native sidecar, is ready.
func ContainerReady(pod *corev1.Pod, name string) bool {
	status := Status(pod, name)
	return status != nil && status.Ready
}

// SpecSeen reports whether the kubelet has seen the Pod's spec as it is. Kubelets before Kubernetes 1.33 do not say, and
// are taken to have.
func SpecSeen(pod *corev1.Pod) bool {
	return pod.Status.ObservedGeneration == 0 || pod.Status.ObservedGeneration >= pod.Generation
}

// brokenReasons are what a kubelet says of a container that will not run unless something changes.
var brokenReasons = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "InvalidImageName": true, "ErrImageNeverPull": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true, "CrashLoopBackOff": true,
}

// BrokenReason returns the kubelet's word for why a container, or an init container, cannot run; "" when it can, or
// when nothing is known of it yet.
func BrokenReason(pod *corev1.Pod, name string) string {
	return brokenReason(Status(pod, name))
}

// AnyBroken reports whether the kubelet says of any container of a Pod that it cannot run.
func AnyBroken(pod *corev1.Pod) bool {
	for status := range Statuses(pod) {
		if brokenReason(status) != "" {
			return true
		}
	}
	return false
}

func brokenReason(status *corev1.ContainerStatus) string {
	if status == nil || status.State.Waiting == nil || !brokenReasons[status.State.Waiting.Reason] {
		return ""
	}
	return status.State.Waiting.Reason
}
