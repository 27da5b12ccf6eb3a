// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ContainerEdit puts one container into a list of containers.
type ContainerEdit struct {
	// Index is where: an existing container's place when Replace is true, the place to insert before otherwise; the
	// list's length means at the end.
	Index   int
	Replace bool
	// Container is what is put there.
	Container corev1.Container
}

// placed is a container to inject, and whether it goes before the Pod's own ones.
type placed struct {
	container corev1.Container
	before    bool
}

// place turns sidecars into edits of a Pod's own list: same name replaces, those to go before go to the front in the
// order given, the rest to the end.
func place(own []corev1.Container, sidecars []placed) []ContainerEdit {
	index := make(map[string]int, len(own))
	for i := range own {
		index[own[i].Name] = i
	}
	var replaced, before, after []ContainerEdit
	for i := range sidecars {
		edit := ContainerEdit{Container: sidecars[i].container}
		at, exists := index[edit.Container.Name]
		switch {
		case exists:
			edit.Index, edit.Replace = at, true
			replaced = append(replaced, edit)
		case sidecars[i].before:
			edit.Index = len(before)
			before = append(before, edit)
		default:
			after = append(after, edit)
		}
	}
	for i := range after {
		after[i].Index = len(own) + len(before) + i
	}
	return slices.Concat(replaced, before, after)
}

// Apply makes the edits in the given Pod.
func (in *Injection) Apply(pod *corev1.Pod) {
	pod.Spec.InitContainers = applyEdits(pod.Spec.InitContainers, in.InitContainers)
	pod.Spec.Containers = applyEdits(pod.Spec.Containers, in.Containers)
	pod.Spec.Volumes = append(pod.Spec.Volumes, in.Volumes...)
	pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, in.ImagePullSecrets...)
	pod.Spec.ReadinessGates = append(pod.Spec.ReadinessGates, in.ReadinessGates...)
	for key, value := range in.Labels {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, key, value)
	}
	for key, value := range in.Annotations {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value)
	}
}

func applyEdits(list []corev1.Container, edits []ContainerEdit) []corev1.Container {
	for _, edit := range edits {
		if edit.Replace {
			list[edit.Index] = edit.Container
			continue
		}
		list = slices.Insert(list, edit.Index, edit.Container)
	}
	return list
}
