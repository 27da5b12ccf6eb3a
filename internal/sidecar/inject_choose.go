// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// choice is what becomes of the sets that match a Pod.
type choice struct {
	// chosen are to be injected and held are in the Pod already; both are sorted by name.
	chosen, held []*Set
	obstacles    []Obstacle
}

// choose picks the sets that inject into the Pod: those that it does not hold already, without the bases of matching
// canaries, and without those of which a container's name is taken. held reports whether a set is in the Pod already,
// and as it should be.
func choose(pod *incoming, sets []*Set, held func(*Set) bool) choice {
	sets = slices.Clone(sets)
	slices.SortFunc(sets, func(a, b *Set) int { return cmp.Compare(a.Name(), b.Name()) })
	out := choice{}
	names := takenNames{}
	var due []*Set
	for _, set := range out.withoutBases(sets) {
		if held != nil && held(set) {
			names.take(set)
			out.held = append(out.held, set)
			continue
		}
		due = append(due, set)
	}
	for _, set := range due {
		if reason, message := names.obstacle(pod, set); reason != "" {
			out.omit(set, reason, message)
			continue
		}
		names.take(set)
		out.chosen = append(out.chosen, set)
	}
	return out
}

func (ch *choice) omit(set *Set, reason, message string) {
	ch.obstacles = append(ch.obstacles, Obstacle{
		Set: set.Name(), Reason: reason, Message: message, Revision: set.Revision, Intended: reason == v1beta1.ReasonCanary,
	})
}

// CanaryOf names the set that this one is a canary of, "" when it is none.
func (s *Set) CanaryOf() string {
	if s.Object.Annotations[v1beta1.SidecarSetCanaryAnnotation] != "true" {
		return ""
	}
	return s.Object.Annotations[v1beta1.SidecarSetBaseAnnotation]
}

// withoutBases leaves out the sets whose canary matches the Pod too. A canary is nobody's base: there are two levels
// only.
func (ch *choice) withoutBases(sets []*Set) []*Set {
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
			ch.omit(set, v1beta1.ReasonCanary, fmt.Sprintf("its canary SidecarSet %s takes its place", canary.Name()))
			continue
		}
		out = append(out, set)
	}
	return out
}

// takenNames are the containers of sets that are, or will be, in the Pod, each with the name of its set.
type takenNames map[string]string

func (taken takenNames) take(set *Set) {
	set.eachName(func(_ *v1beta1.SidecarContainer, name string, _ bool) bool {
		taken[name] = set.Name()
		return true
	})
}

// obstacle says why the set cannot be injected, or "". The names of all containers of a Pod are unique, and none that the
// Pod brings itself is replaced unless its owner has said so. What was injected before is replaced where it stands.
func (taken takenNames) obstacle(pod *incoming, set *Set) (reason, message string) {
	set.eachName(func(c *v1beta1.SidecarContainer, name string, init bool) bool {
		if owner := taken[name]; owner != "" {
			reason = v1beta1.ReasonSetConflict
			message = fmt.Sprintf("SidecarSet %s has a container %s too; rename one of them, or let only one of the sets match",
				owner, name)
			return false
		}
		if kind := pod.inTheWay(set, c, name, init); kind != "" {
			reason = v1beta1.ReasonNameTaken
			message = fmt.Sprintf("its %s %q has the name of %s of this Pod%s; rename one of the two", containerKind(init), name, kind,
				pod.inVain(name, init))
			return false
		}
		return true
	})
	return reason, message
}

func containerKind(init bool) string {
	if init {
		return "init container"
	}
	return "container"
}

// inTheWay says which kind of container of the Pod keeps a sidecar of this name out, or "".
func (p *incoming) inTheWay(set *Set, sidecar *v1beta1.SidecarContainer, name string, init bool) string {
	same, other := p.Pod.Spec.Containers, p.Pod.Spec.InitContainers
	if init {
		same, other = other, same
	}
	named := func(c corev1.Container) bool { return c.Name == name }
	if slices.ContainsFunc(other, named) {
		return aContainer(!init)
	}
	at := slices.IndexFunc(same, named)
	if at < 0 || p.injectedContainer(&same[at]) || p.Injected(set.Name()) && marked(&same[at], sidecar) || p.replaceable(name) {
		return ""
	}
	return aContainer(init)
}

// inVain says why the consent of the Pod's owner does not help, with a comma before; "" when there is none. A container
// takes the place of one of the same list.
func (p *incoming) inVain(name string, init bool) string {
	if !p.replaceable(name) {
		return ""
	}
	return fmt.Sprintf(", which the annotation %s lets be replaced by %s alone", v1beta1.ReplacedBySidecarAnnotation, aContainer(!init))
}

func aContainer(init bool) string {
	if init {
		return "an init container"
	}
	return "a container"
}
