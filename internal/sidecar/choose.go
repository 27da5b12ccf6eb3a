package sidecar

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Omission is a set that matches a Pod and is not injected all the same.
type Omission struct {
	// Set is its name, Reason a clause that goes on after "because".
	Set, Reason string
	// Intended is true when somebody has asked for just that, so that nobody
	// needs to be warned.
	Intended bool
}

// choose picks the sets that inject into the Pod, sorted by name: those that it
// does not hold already, without the bases of matching canaries, and without
// those that would make the API server refuse the Pod.
func (in *Injection) choose(view *View, sets []*Set) []*Set {
	sets = slices.Clone(sets)
	slices.SortFunc(sets, func(a, b *Set) int { return cmp.Compare(a.Name(), b.Name()) })
	names := takenNames{}
	var due, chosen []*Set
	for _, set := range in.withoutBases(sets) {
		if view.Holds(set) && view.Updated(set) {
			names.take(set)
			continue
		}
		due = append(due, set)
	}
	for _, set := range due {
		if reason := names.clash(view.Pod, set); reason != "" {
			in.omit(set, reason, false)
			continue
		}
		names.take(set)
		chosen = append(chosen, set)
	}
	return chosen
}

func (in *Injection) omit(set *Set, reason string, intended bool) {
	in.Omitted = append(in.Omitted, Omission{Set: set.Name(), Reason: reason, Intended: intended})
}

// CanaryOf names the set that this one is a canary of, "" when it is none.
func (s *Set) CanaryOf() string {
	if s.Object.Annotations[v1beta1.SidecarSetCanaryAnnotation] != "true" {
		return ""
	}
	return s.Object.Annotations[v1beta1.SidecarSetBaseAnnotation]
}

// withoutBases leaves out the sets whose canary matches the Pod too. A canary
// is nobody's base: there are two levels only.
func (in *Injection) withoutBases(sets []*Set) []*Set {
	canaries := map[string]*Set{}
	for _, set := range sets {
		if base := set.CanaryOf(); base != "" && canaries[base] == nil {
			canaries[base] = set
		}
	}
	if len(canaries) == 0 {
		return sets
	}
	var out []*Set
	for _, set := range sets {
		if canary := canaries[set.Name()]; canary != nil && set.CanaryOf() == "" {
			in.omit(set, fmt.Sprintf("its canary SidecarSet %s takes its place", canary.Name()), true)
			continue
		}
		out = append(out, set)
	}
	return out
}

// takenNames are the containers of sets that are, or will be, in the Pod, each
// with the name of its set.
type takenNames map[string]string

func (taken takenNames) take(set *Set) {
	for i := range set.Spec.Containers {
		for _, name := range namesInPod(&set.Spec.Containers[i]) {
			taken[name] = set.Name()
		}
	}
	for i := range set.Spec.InitContainers {
		for _, name := range initNamesInPod(&set.Spec.InitContainers[i]) {
			taken[name] = set.Name()
		}
	}
}

// clash says why the set cannot be injected beside the others, or "". The names
// of all containers of a Pod are unique; the API server refuses it otherwise.
func (taken takenNames) clash(pod *corev1.Pod, set *Set) string {
	for i := range set.Spec.Containers {
		for _, name := range namesInPod(&set.Spec.Containers[i]) {
			if reason := taken.clashOf(name, pod.Spec.InitContainers, "an init container"); reason != "" {
				return reason
			}
		}
	}
	for i := range set.Spec.InitContainers {
		for _, name := range initNamesInPod(&set.Spec.InitContainers[i]) {
			if reason := taken.clashOf(name, pod.Spec.Containers, "a container"); reason != "" {
				return reason
			}
		}
	}
	return ""
}

func (taken takenNames) clashOf(name string, others []corev1.Container, kind string) string {
	if owner := taken[name]; owner != "" {
		return fmt.Sprintf("SidecarSet %s has a container %s too; rename one of them, or let only one of the sets match", owner, name)
	}
	if slices.ContainsFunc(others, func(c corev1.Container) bool { return c.Name == name }) {
		return fmt.Sprintf("the Pod has %s of the name %s already; rename one of them", kind, name)
	}
	return ""
}
