// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Injection is what to change in a new Pod: a list of edits, small enough to be written as a JSON patch without
// touching what the Pod brings itself.
type Injection struct {
	// Sets are the names of the sets that inject, sorted.
	Sets []string
	// Obstacles are what keeps sets out that match the Pod, by the names of the sets.
	Obstacles []Obstacle
	// InitContainers and Containers are edits to these lists, in order.
	InitContainers []ContainerEdit
	Containers     []ContainerEdit
	// Volumes and ImagePullSecrets are appended.
	Volumes          []corev1.Volume
	ImagePullSecrets []corev1.LocalObjectReference
	// ReadinessGates are appended.
	ReadinessGates []corev1.PodReadinessGate
	// Labels and Annotations are set.
	Labels, Annotations map[string]string
	// Removed are annotations to remove.
	Removed []string
	// Warnings are for the person who created the Pod.
	Warnings []string

	// held are the sets that the Pod holds already, working the containers that work for hot-upgrade sidecars of all
	// sets that were built.
	held    []*Set
	working map[string]string
}

// Empty reports whether there is nothing to change.
func (in *Injection) Empty() bool {
	return in == nil || len(in.Sets) == 0
}

// Inject computes what the given sets, all of which match, put into a new Pod. The result does not depend on the order
// of the sets, and is idempotent: a Pod that a set has been injected into already, and that still holds its containers,
// gets nothing more from it.
//
// A set is left out of a Pod that brings a container of the name of one of its sidecars. What was injected before is
// replaced where it stands, and so is what the Pod's owner names in the annotation apps.kruise.io/replaced-by-sidecar.
// The Pod's volumes win over a set's. What cannot be done for this Pod, such as computing resources from containers
// that it does not have, is left out with a warning.
func Inject(pod *corev1.Pod, sets []*Set, now metav1.Time) (*Injection, error) {
	return injectInto(pod, sets, now, nil)
}

// injectInto injects the sets that the Pod does not hold already; strictly, all.
func injectInto(pod *corev1.Pod, sets []*Set, now metav1.Time, strict *strictness) (*Injection, error) {
	view := readIncoming(pod)
	held := view.carries
	if strict != nil {
		held = nil
	}
	choice := choose(view, sets, held)
	in := &Injection{Warnings: view.unreadable, Annotations: map[string]string{}, Obstacles: choice.obstacles, held: choice.held}
	if len(choice.chosen) == 0 {
		return in, nil
	}
	source := newDonor(view, slices.Concat(choice.held, choice.chosen), in.patchMetadata(pod.Annotations, choice.chosen))
	parts := make([]*part, 0, len(choice.chosen))
	for _, set := range choice.chosen {
		parts = append(parts, in.build(source, set))
	}
	in.place(view, parts, strict)
	if strict != nil {
		parts = in.withoutWritten(view, parts)
	}
	if err := in.record(view, parts, now); err != nil {
		return nil, err
	}
	return in, nil
}

// part is what one set puts into a Pod.
type part struct {
	set                        *Set
	initContainers, containers []placed
	// working and annotations are those of hot-upgrade sidecars.
	working, annotations map[string]string
	// reconfigured are the volumes of the Pod that would configure a sidecar in place of the set's.
	reconfigured []string
	// changes is true when the set adds volumes or pull secrets, or changes other annotations than the records.
	changes bool
}

// build makes what a set puts into the Pod.
func (in *Injection) build(source *donor, set *Set) *part {
	p := &part{set: set, working: map[string]string{}, annotations: map[string]string{}}
	p.initContainers = in.buildList(source, p, set.Spec.InitContainers, initNamesInPod)
	p.containers = in.buildList(source, p, set.Spec.Containers, namesInPod)
	volumes, secrets := len(in.Volumes), len(in.ImagePullSecrets)
	p.reconfigured = in.addVolumes(source.pod, set)
	in.addPullSecrets(source.pod, set)
	p.changes = in.addLifecycle(source.pod, set) || len(in.Volumes) > volumes || len(in.ImagePullSecrets) > secrets || source.repatched(set)
	if in.working == nil {
		in.working = map[string]string{}
	}
	maps.Copy(in.working, p.working)
	return p
}

// buildList makes what sidecars of a set are in the Pod: one container each, or two for hot upgrades, whose turns it
// records.
func (in *Injection) buildList(
	source *donor, p *part, sidecars []v1beta1.SidecarContainer, namesOf func(*v1beta1.SidecarContainer) []string,
) []placed {
	var out []placed
	for i := range sidecars {
		c := &sidecars[i]
		container, warnings := source.equip(p.set, c)
		in.Warnings = append(in.Warnings, warnings...)
		before := c.PodInjectPolicy == v1beta1.BeforeAppContainerType
		if names := namesOf(c); len(names) == 1 {
			out = append(out, placed{container, before})
		} else {
			first, second := hotContainers(container, c, names)
			out = append(out, placed{first, before}, placed{second, before})
			p.working[c.Name] = first.Name
			maps.Copy(p.annotations, hotVersions(first.Name, second.Name))
		}
	}
	return out
}

// place turns the parts into edits of the Pod's lists. The wire sorts init containers over all sets by name and leaves
// containers in the order of their sets.
func (in *Injection) place(view *incoming, parts []*part, strict *strictness) {
	var initContainers, containers []placed
	for _, p := range parts {
		initContainers, containers = append(initContainers, p.initContainers...), append(containers, p.containers...)
	}
	slices.SortStableFunc(initContainers, func(a, b placed) int { return cmp.Compare(a.container.Name, b.container.Name) })
	spec := &view.Pod.Spec
	in.InitContainers = place(spec.InitContainers, initContainers)
	in.Containers = place(spec.Containers, containers)
	if strict != nil {
		in.InitContainers = strict.withoutWritten(view, spec.InitContainers, in.InitContainers)
		in.Containers = strict.withoutWritten(view, spec.Containers, in.Containers)
	}
}

// withoutWritten leaves out the parts of which everything is in the Pod as it would be written, and omits the sets that
// the Pod would configure.
func (in *Injection) withoutWritten(view *incoming, parts []*part) []*part {
	edited := map[string]bool{}
	for _, edit := range slices.Concat(in.InitContainers, in.Containers) {
		edited[edit.Container.Name] = true
	}
	working := view.workingContainers()
	var out []*part
	for _, p := range parts {
		for _, message := range p.reconfigured {
			in.Obstacles = append(in.Obstacles, Obstacle{
				Set: p.set.Name(), Reason: v1beta1.ReasonVolumeTaken, Message: message, Revision: p.set.Revision,
			})
		}
		same := !p.changes && view.written(p.set, p.annotations)
		for name, first := range p.working {
			same = same && working[name] == first
		}
		for _, c := range slices.Concat(p.initContainers, p.containers) {
			same = same && !edited[c.container.Name]
		}
		if same {
			in.held = append(in.held, p.set)
			continue
		}
		out = append(out, p)
	}
	return out
}

// record writes down what was injected.
func (in *Injection) record(view *incoming, parts []*part, now metav1.Time) error {
	working, sets := view.workingContainers(), make([]*Set, 0, len(parts))
	for _, p := range parts {
		in.Sets = append(in.Sets, p.set.Name())
		maps.Copy(in.Annotations, p.annotations)
		maps.Copy(working, p.working)
		sets = append(sets, p.set)
	}
	if len(parts) == 0 {
		in.Annotations = map[string]string{}
		return nil
	}
	if len(working) > 0 {
		in.Annotations[v1beta1.SidecarSetWorkingContainersAnnotation] = encodeNames(working)
	}
	texts, err := view.injectionTexts(sets, now)
	maps.Copy(in.Annotations, texts)
	return err
}

// Held are the sets that the Pod holds already, sorted by name.
func (in *Injection) Held() []*Set { return slices.Clone(in.held) }
