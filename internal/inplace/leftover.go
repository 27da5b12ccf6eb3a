// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/windlass-operator/windlass/internal/pods"
)

// outstanding is what OpenKruise still had to write into a Pod, and the state that it recorded, nil for none.
func outstanding(pod *corev1.Pod) (Change, *State) {
	var change Change
	revision := pod.Labels[appsv1.ControllerRevisionHashLabelKey]
	if grace, err := ParseGrace(pod.Annotations); err == nil && grace != nil && grace.Revision == revision {
		change = grace.change(pod)
	}
	state, err := ParseState(pod.Annotations)
	if err != nil || state == nil {
		return change, nil
	}
	return change.merge(state.nextChange(pod)).merge(Change{Resources: state.owed(pod)}), state
}

// owed are the resources that the node of a Pod could not give it when they were to be written: nothing, if the Pod is on
// its way to another revision by now, or has them.
func (s *State) owed(pod *corev1.Pod) map[string]corev1.ResourceRequirements {
	var out map[string]corev1.ResourceRequirements
	for name, resources := range s.OwedResources {
		at := pods.Find(pod, name)
		if at != nil && s.Revision == pod.Labels[appsv1.ControllerRevisionHashLabelKey] && ChangedAmounts(at.Resources, resources) != nil {
			put(&out, name, resources)
		}
	}
	return out
}

// change is what the grace annotation holds for a Pod.
func (g *Grace) change(pod *corev1.Pod) Change {
	out := leftover(pod, g.ContainerImages, g.ContainerRefMetadata, g.ContainerResources)
	var patch metadataPatch
	if err := utiljson.Unmarshal(g.MetaDataPatch, &patch); err != nil {
		return out // nobody can read it; the images and resources are what matters
	}
	for key, value := range patch.Metadata.Labels {
		if !owned[key] {
			put(&out.Labels, key, value)
		}
	}
	for key, value := range patch.Metadata.Annotations {
		if !owned[key] {
			put(&out.Annotations, key, value)
		}
	}
	out.AddFinalizers, out.RemoveFinalizers = patch.Metadata.Finalizers, patch.Metadata.RemovedFinalizers
	return out
}

// metadataPatch is the strategic merge patch of a Pod's metadata that a grace annotation carries. A value that is null
// is removed.
type metadataPatch struct {
	Metadata struct {
		Labels            map[string]*string `json:"labels"`
		Annotations       map[string]*string `json:"annotations"`
		Finalizers        []string           `json:"finalizers"`
		RemovedFinalizers []string           `json:"$deleteFromPrimitiveList/finalizers"`
	} `json:"metadata"`
}

// nextChange is what the state says to be changed next in a Pod: nothing, if the Pod is on its way to another revision
// by now.
func (s *State) nextChange(pod *corev1.Pod) Change {
	if s.Revision != pod.Labels[appsv1.ControllerRevisionHashLabelKey] {
		return Change{}
	}
	return leftover(pod, s.NextContainerImages, s.NextContainerRefMetadata, s.NextContainerResources)
}

// leftover puts together what is to be written into a Pod. Containers whose environment reads metadata that changes are
// restarted, which OpenKruise leaves to its node daemon.
func leftover(
	pod *corev1.Pod, images map[string]string, metadata map[string]RefMetadata, resources map[string]corev1.ResourceRequirements,
) Change {
	out := Change{Resources: maps.Clone(resources)}
	for name, image := range images {
		if at := pods.Find(pod, name); at != nil && image != "" && at.Image != image {
			put(&out.Images, name, image)
		}
	}
	for name, wanted := range metadata {
		changes := setMissing(&out.Labels, pod.Labels, wanted.Labels)
		changes = setMissing(&out.Annotations, pod.Annotations, wanted.Annotations) || changes
		if _, restartsAnyway := out.Images[name]; changes && !restartsAnyway {
			put(&out.Restart, name, "")
		}
	}
	return out
}

// setMissing notes the values that a Pod does not have, and reports whether there are any.
func setMissing(changes *map[string]*string, has, wanted map[string]string) bool {
	missing := false
	for key, value := range wanted {
		if before, exists := has[key]; (!exists || before != value) && !owned[key] {
			put(changes, key, &value)
			missing = true
		}
	}
	return missing
}
