package sidecar

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Injection is what to change in a new Pod: a list of edits, small enough to
// be written as a JSON patch without touching what the Pod brings itself.
type Injection struct {
	// Sets are the names of the sets that inject, sorted.
	Sets []string
	// Omitted are sets that match the Pod and yet do not inject, by name.
	Omitted []Omission
	// InitContainers and Containers are edits to these lists, in order.
	InitContainers []ContainerEdit
	Containers     []ContainerEdit
	// Volumes and ImagePullSecrets are appended.
	Volumes          []corev1.Volume
	ImagePullSecrets []corev1.LocalObjectReference
	// Annotations are set.
	Annotations map[string]string
	// Warnings are for the person who created the Pod.
	Warnings []string
}

// Empty tells whether there is nothing to change.
func (in *Injection) Empty() bool {
	return in == nil || len(in.Sets) == 0
}

// Inject computes what the given sets, all of which match, put into a new Pod.
// The result does not depend on the order of the sets, and is idempotent: a Pod
// that a set has been injected into already, and that still holds its
// containers, gets nothing more from it.
//
// A set is left out of a Pod that brings a container of the name of one of its
// sidecars. What was injected before is replaced where it stands, and so is what
// the Pod's owner names in the annotation apps.kruise.io/replaced-by-sidecar. The
// Pod's volumes win over a set's. What cannot be done for this Pod, such as
// computing resources from containers that it does not have, is left out with a
// warning.
func Inject(pod *corev1.Pod, sets []*Set, now metav1.Time) (*Injection, error) {
	view := Look(pod)
	choice := choose(view, sets, view.carries)
	chosen := choice.chosen
	in := &Injection{Warnings: view.faults, Annotations: map[string]string{}, Omitted: choice.omitted}
	if len(chosen) == 0 {
		return in, nil
	}
	source := newDonor(view, slices.Concat(choice.held, chosen), in.patchMetadata(pod.Annotations, chosen))
	working := view.workingContainers()
	var initContainers, containers []placed
	for _, set := range chosen {
		in.Sets = append(in.Sets, set.Name())
		initContainers = append(initContainers, in.build(source, set, set.Spec.InitContainers, initNamesInPod, working)...)
		containers = append(containers, in.build(source, set, set.Spec.Containers, namesInPod, working)...)
		in.addVolumes(pod, set)
		in.addPullSecrets(pod, set)
		if err := view.recordInjection(set, now); err != nil {
			return nil, err
		}
	}
	// The wire sorts init containers over all sets by name and leaves
	// containers in the order of their sets.
	slices.SortStableFunc(initContainers, func(a, b placed) int { return cmp.Compare(a.container.Name, b.container.Name) })
	in.InitContainers = place(pod.Spec.InitContainers, initContainers)
	in.Containers = place(pod.Spec.Containers, containers)
	if len(working) > 0 {
		in.Annotations[v1beta1.SidecarSetWorkingContainersAnnotation] = encodeNames(working)
	}
	texts, err := view.injectionTexts(in.Sets)
	maps.Copy(in.Annotations, texts)
	return in, err
}

// build makes what sidecars of a set are in the Pod: one container each, or
// two for hot upgrades, whose turns it records.
func (in *Injection) build(source *donor, set *Set, sidecars []v1beta1.SidecarContainer,
	namesOf func(*v1beta1.SidecarContainer) []string, working map[string]string) []placed {
	var out []placed
	for i := range sidecars {
		c := &sidecars[i]
		container, warnings := source.equip(set, c)
		in.Warnings = append(in.Warnings, warnings...)
		before := c.PodInjectPolicy == v1beta1.BeforeAppContainerType
		if names := namesOf(c); len(names) == 1 {
			out = append(out, placed{container, before})
		} else {
			first, second := hotContainers(container, c, names)
			out = append(out, placed{first, before}, placed{second, before})
			working[c.Name] = first.Name
			maps.Copy(in.Annotations, hotVersions(first.Name, second.Name))
		}
	}
	return out
}
