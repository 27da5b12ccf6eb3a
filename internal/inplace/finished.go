// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// Replaced identifies what ran in a container before its image was changed.
type Replaced struct {
	// ImageID as the container's status had it; never empty for a container that had started.
	ImageID string `json:"imageID"`
	// ContainerID as the container's status had it. Empty when the record was made by OpenKruise, which does not note
	// it.
	ContainerID string `json:"containerID,omitempty"`
}

// Finished reports whether the kubelet runs the image that the Pod's spec names in a container whose image was changed.
// The kubelet must have seen the current spec, if it says which one it has seen. Then any of these proves it:
//
//   - the spec names a digest and the status reports that digest;
//   - the status names the very image of the spec. Two tags of equal content
//     have one image ID, so this is how such a change is seen to be done;
//   - the status reports another image than the one that was replaced, if it is
//     known which one that was;
//   - another container runs than the one that was replaced. This covers
//     container runtimes that report an image under a name nobody asked for.
//
// A container that has no status is not finished.
func Finished(pod *corev1.Pod, name string, before Replaced) bool {
	image, status := pods.Image(pod, name), pods.Status(pod, name)
	if image == "" || status == nil {
		return false
	}
	if !pods.SpecSeen(pod) {
		return false
	}
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return strings.HasSuffix(status.ImageID, digest)
	}
	if status.ImageID == "" {
		return false
	}
	if sameImage(status.Image, image) || (before.ImageID != "" && status.ImageID != before.ImageID) {
		return true
	}
	return pod.Status.ObservedGeneration != 0 && status.State.Running != nil && status.ContainerID != before.ContainerID &&
		(before.ContainerID != "" || before.ImageID == "")
}

// sameImage compares two names of an image: nginx is docker.io/library/nginx:latest.
func sameImage(a, b string) bool {
	if a == b {
		return true
	}
	first, err := reference.ParseNormalizedNamed(a)
	if err != nil {
		return false
	}
	second, err := reference.ParseNormalizedNamed(b)
	return err == nil && reference.TagNameOnly(first).String() == reference.TagNameOnly(second).String()
}

// Resized reports whether the kubelet has given a container the cpu and memory that the Pod's spec asks for. A resize that
// is still pending may be one of another container: then this one has what it is to have. Where the kubelet does not
// report resources the end of the resize is all there is to see.
func Resized(pod *corev1.Pod, name string) bool {
	at, status := pods.Find(pod, name), pods.Status(pod, name)
	if at == nil || status == nil || pods.IsTrue(pods.Condition(pod, corev1.PodResizeInProgress)) {
		return false
	}
	if status.Resources == nil {
		return resizing(pod) == nil && pod.Status.ObservedGeneration >= pod.Generation
	}
	return covers(status.Resources.Requests, at.Resources.Requests) && covers(status.Resources.Limits, at.Resources.Limits)
}

// resizing is the condition by which the kubelet says that a resize of a Pod is not done; nil when none does.
func resizing(pod *corev1.Pod) *corev1.PodCondition {
	for _, kind := range []corev1.PodConditionType{corev1.PodResizePending, corev1.PodResizeInProgress} {
		if c := pods.Condition(pod, kind); pods.IsTrue(c) {
			return c
		}
	}
	return nil
}

// covers reports whether all wanted amounts are what is there.
func covers(have, want corev1.ResourceList) bool {
	for name, quantity := range want {
		got, ok := have[name]
		if !ok || got.Cmp(quantity) != 0 {
			return false
		}
	}
	return true
}
