// Package inplace knows what an in-place change of a running Pod looks like
// from outside: what the kubelet had, and whether it has carried the change
// out. It is pure.
package inplace

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Replaced identifies what ran in a container before its image was changed.
type Replaced struct {
	// ImageID as the container's status had it; never empty for a container
	// that had started.
	ImageID string
	// ContainerID as the container's status had it. Empty when the record was
	// made by OpenKruise, which does not note it.
	ContainerID string
}

// Finished tells whether the kubelet runs the image that the Pod's spec names
// in a container whose image was changed. Any of these proves it:
//
//   - the spec names a digest and the status reports that digest;
//   - the status reports another image than the one that was replaced;
//   - the status names the very image of the spec. Two tags of equal content
//     have one image ID, so this is how such a change is seen to be done;
//   - another container runs, and the kubelet says it has seen the current
//     spec. This covers container runtimes that report an image under a name
//     that nobody asked for.
//
// A container that has no status is not finished.
func Finished(pod *corev1.Pod, name string, before Replaced) bool {
	image, status := imageOf(pod, name), statusOf(pod, name)
	if image == "" || status == nil {
		return false
	}
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return strings.HasSuffix(status.ImageID, digest)
	}
	if status.ImageID != before.ImageID || status.Image == image {
		return status.ImageID != ""
	}
	return before.ContainerID != "" && status.ContainerID != before.ContainerID &&
		pod.Status.ObservedGeneration >= pod.Generation && status.State.Running != nil
}

// ContainerReady tells whether the kubelet says that a container, or a native
// sidecar, is ready.
func ContainerReady(pod *corev1.Pod, name string) bool {
	status := statusOf(pod, name)
	return status != nil && status.Ready
}

// brokenReasons are what a kubelet says of a container that will not run unless
// something changes.
var brokenReasons = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "InvalidImageName": true, "ErrImageNeverPull": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true, "CrashLoopBackOff": true,
}

// BrokenReason returns why a container cannot run, as the kubelet says; "" when
// it can, or when nothing is known of it yet.
func BrokenReason(pod *corev1.Pod, name string) string {
	status := statusOf(pod, name)
	if status == nil || status.State.Waiting == nil || !brokenReasons[status.State.Waiting.Reason] {
		return ""
	}
	return status.State.Waiting.Reason
}

// Resized tells whether the kubelet has given a container the cpu and memory
// that the Pod's spec asks for. Where the kubelet does not report resources the
// end of the resize is all there is to see.
func Resized(pod *corev1.Pod, name string) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodResizePending || condition.Type == corev1.PodResizeInProgress {
			if condition.Status == corev1.ConditionTrue {
				return false
			}
		}
	}
	status, wanted := statusOf(pod, name), resourcesOf(pod, name)
	if status == nil || wanted == nil {
		return false
	}
	if status.Resources == nil {
		return pod.Status.ObservedGeneration >= pod.Generation
	}
	return covers(status.Resources.Requests, wanted.Requests) && covers(status.Resources.Limits, wanted.Limits)
}

// covers tells whether all wanted amounts are what is there.
func covers(have, want corev1.ResourceList) bool {
	for name, quantity := range want {
		got, ok := have[name]
		if !ok || got.Cmp(quantity) != 0 {
			return false
		}
	}
	return true
}

func resourcesOf(pod *corev1.Pod, name string) *corev1.ResourceRequirements {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i].Resources
			}
		}
	}
	return nil
}

func imageOf(pod *corev1.Pod, name string) string {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return list[i].Image
			}
		}
	}
	return ""
}

func statusOf(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}
