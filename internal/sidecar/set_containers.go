// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// isHot reports whether a sidecar is upgraded by a second container beside it.
func isHot(c *v1beta1.SidecarContainer) bool {
	return c.UpgradeStrategy.UpgradeType == v1beta1.SidecarContainerHotUpgrade
}

// namesInPod are the containers that a sidecar has in a Pod: itself, or the two that take turns in hot upgrades.
func namesInPod(c *v1beta1.SidecarContainer) []string {
	if !isHot(c) {
		return []string{c.Name}
	}
	return []string{c.Name + "-1", c.Name + "-2"}
}

// initNamesInPod are the containers that an init container of a set has in a Pod. Only native sidecars come in pairs:
// the empty image of a plain init container would never let the Pod start.
func initNamesInPod(c *v1beta1.SidecarContainer) []string {
	if !pods.IsNativeSidecar(&c.Container) {
		return []string{c.Name}
	}
	return namesInPod(c)
}

// eachName visits the names that a set's containers have in a Pod, until visit returns false.
func (s *Set) eachName(visit func(c *v1beta1.SidecarContainer, name string, init bool) bool) {
	for i := range s.Spec.Containers {
		for _, name := range namesInPod(&s.Spec.Containers[i]) {
			if !visit(&s.Spec.Containers[i], name, false) {
				return
			}
		}
	}
	for i := range s.Spec.InitContainers {
		for _, name := range initNamesInPod(&s.Spec.InitContainers[i]) {
			if !visit(&s.Spec.InitContainers[i], name, true) {
				return
			}
		}
	}
}

// eachSidecar visits the containers that stay in the Pod. A plain init container has run and will not run again.
func (s *Set) eachSidecar(visit func(*v1beta1.SidecarContainer)) {
	for i := range s.Spec.Containers {
		visit(&s.Spec.Containers[i])
	}
	for i := range s.Spec.InitContainers {
		if c := &s.Spec.InitContainers[i]; pods.IsNativeSidecar(&c.Container) {
			visit(c)
		}
	}
}

// HasNativeSidecars reports whether an update of the set may restart init containers, which not every kubelet can do.
func (s *Set) HasNativeSidecars() bool { return hasNativeSidecar(s.Spec.InitContainers) }

// HotNativeSidecars names the native sidecars that ask for HotUpgrade. They are injected in pairs, as on the wire, and
// are never upgraded in place.
func (s *Set) HotNativeSidecars() []string {
	var out []string
	for i := range s.Spec.InitContainers {
		if c := &s.Spec.InitContainers[i]; pods.IsNativeSidecar(&c.Container) && isHot(c) {
			out = append(out, c.Name)
		}
	}
	return out
}

func hasNativeSidecar(initContainers []v1beta1.SidecarContainer) bool {
	for i := range initContainers {
		if pods.IsNativeSidecar(&initContainers[i].Container) {
			return true
		}
	}
	return false
}
