// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// donor is a new Pod as a source of what its sidecars take over from it.
type donor struct {
	// pod has the labels, and the annotations that patchPodMetadata leaves.
	pod *corev1.Pod
	// before are the Pod's annotations as it brings them.
	before map[string]string
	// containers and initContainers are the Pod's own: what is not a sidecar.
	containers     []*corev1.Container
	initContainers []*corev1.Container
}

// newDonor looks at a Pod that holds, or gets, all the sets.
func newDonor(view *incoming, sets []*Set, annotations map[string]string) *donor {
	names := takenNames{}
	for _, set := range sets {
		names.take(set)
	}
	pod := &corev1.Pod{ObjectMeta: view.Pod.ObjectMeta, Spec: view.Pod.Spec}
	pod.Annotations = annotations
	return &donor{
		pod:            pod,
		before:         view.Pod.Annotations,
		containers:     view.ownContainers(pod.Spec.Containers, names),
		initContainers: view.ownContainers(pod.Spec.InitContainers, names),
	}
}

// repatched reports whether an annotation that the set patches is to be another one than the Pod brings, after all sets
// have patched it.
func (d *donor) repatched(set *Set) bool {
	for i := range set.Spec.PatchPodMetadata {
		for key := range set.Spec.PatchPodMetadata[i].Annotations {
			if old, there := d.before[key]; !there || old != d.pod.Annotations[key] {
				return true
			}
		}
	}
	return false
}

func (p *incoming) ownContainers(list []corev1.Container, sidecars takenNames) []*corev1.Container {
	var out []*corev1.Container
	for i := range list {
		if c := &list[i]; sidecars[c.Name] == "" && !p.injectedContainer(c) {
			out = append(out, c)
		}
	}
	return out
}

// isInjected reports whether a container says that it was injected, by us or by OpenKruise.
func isInjected(c *corev1.Container) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.Name == v1beta1.SidecarInjectedEnv && e.Value == "true"
	})
}

// equip returns a sidecar's container with everything that it takes over from the Pod, and warnings about what it could
// not.
func (d *donor) equip(set *Set, c *v1beta1.SidecarContainer) (container corev1.Container, warnings []string) {
	out := c.Container.DeepCopy()
	addEnv(out, corev1.EnvVar{Name: v1beta1.SidecarInjectedEnv, Value: "true"})
	addEnv(out, d.transferred(c.TransferEnv)...)
	if c.ShareVolumePolicy.Type == v1beta1.ShareVolumePolicyEnabled {
		d.shareMounts(out)
	}
	if c.ShareVolumeDevicePolicy != nil && c.ShareVolumeDevicePolicy.Type == v1beta1.ShareVolumePolicyEnabled {
		d.shareDevices(out)
	}
	if c.ResourcesPolicy != nil {
		warnings = d.computeResources(out, c.ResourcesPolicy)
	}
	for i := range warnings {
		warnings[i] = "SidecarSet " + set.Name() + ", container " + c.Name + ": " + warnings[i]
	}
	return *out, warnings
}
