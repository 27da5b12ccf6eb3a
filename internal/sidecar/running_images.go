// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/pull"
)

// NewImages are those with which the update of a Pod to the set's current version starts containers, but for containers
// whose images are never pulled. They are added to a list.
func (s *Set) NewImages(v *View, out []pull.Image) []pull.Image {
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		if c.ImagePullPolicy == corev1.PullNever {
			return
		}
		if !isHot(c) {
			if has := pods.Image(v.Pod, c.Name); has != "" && has != c.Image {
				out = append(out, pull.Image{Container: c.Name, Name: c.Image})
			}
			return
		}
		if pair := v.pair(c); pair != nil && pair.working.Image != c.Image {
			target, _ := pair.next(v)
			out = append(out, pull.Image{Container: target.Name, Name: c.Image})
		}
	})
	return out
}

// RunsImage reports whether a container of the set certainly runs an image in the Pod: its node has it. A container whose
// new image was only written may never get it.
func (v *View) RunsImage(image string) (runs bool) {
	if !v.carriedOut || !pods.SpecSeen(v.Pod) {
		return false
	}
	v.set.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			runs = runs || pods.Image(v.Pod, name) == image && runsIt(pods.Status(v.Pod, name))
		}
	})
	return runs
}

// runsIt reports whether a container certainly runs the image that the Pod asks for.
func runsIt(status *corev1.ContainerStatus) bool {
	return status != nil && status.State.Running != nil && status.ImageID != ""
}
