// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// scaleDown lets Pods go that there should not be: with Parallel all of them, with OrderedReady one after the other
// from the highest ordinal down, as Kubernetes does: while every Pod that stays is available, and the next to go is
// available too, or is the lowest of those that are not. So where several do not serve nothing is deleted: an ordered
// system that has lost members must not lose what could bring them back.
func (p *planner) scaleDown() {
	for _, view := range p.plan.Layout.condemned {
		if p.s.ordered() && view.terminating() {
			return
		}
		if p.s.ordered() && !p.lost(view) {
			if first := p.firstToServe(view); first != nil {
				p.blockDeletion(view, first)
				return
			}
		}
		p.want(view, wish{wishDelete, CauseScale, fmt.Sprintf("with replicas: %d there is to be no ordinal %d", p.s.replicas(), view.Ordinal)})
		if p.s.ordered() {
			return
		}
	}
}

// lost reports whether a Pod that is to go can be of no use to anybody: it has ended, or it cannot run at a revision
// that was given up. A person who corrects a template gets rid of what the broken one left.
func (p *planner) lost(view *View) bool {
	return view.ended() || view.Broken != "" && view.Revision != p.plan.Revisions.Update
}

// obstructor is a Pod that has to be available first: of a member, or one that is to go as well.
type obstructor struct {
	ordinal int
	view    *View
}

// firstToServe is the lowest Pod that has to be available before a Pod may go, nil when there is none.
func (p *planner) firstToServe(view *View) *obstructor {
	if m := p.firstUnavailable(); m != nil {
		return &obstructor{m.Ordinal, m.View}
	}
	if view.Available {
		return nil
	}
	for _, other := range slices.Backward(p.plan.Layout.condemned) { // the lowest first
		if !other.Available && !p.lost(other) {
			if other == view {
				return nil
			}
			return &obstructor{other.Ordinal, other}
		}
	}
	return nil
}

func (p *planner) firstUnavailable() *member {
	for i := range p.plan.Layout.members {
		if m := &p.plan.Layout.members[i]; !m.available() {
			return m
		}
	}
	return nil
}

// scaleUp creates Pods that are missing: with Parallel as many as scaleStrategy lets through, with OrderedReady one,
// once all before it are available.
func (p *planner) scaleUp() {
	budget := p.creations()
	kept := p.atOtherRevisions()
	for _, m := range p.inOrderOfCreation() {
		if !m.missing() {
			if p.s.ordered() && !m.Available {
				p.blockLater(m)
				return
			}
			continue
		}
		if budget == 0 {
			p.tellStarting(m)
			return
		}
		if !p.create(m, &kept) {
			if p.s.ordered() {
				return
			}
			continue
		}
		budget--
		if p.s.ordered() {
			return
		}
	}
}

// inOrderOfCreation are the members, the lowest first; without an order those whose creation was refused lately go
// after the others.
func (p *planner) inOrderOfCreation() []*member {
	out := make([]*member, len(p.plan.Layout.members))
	for i := range out {
		out[i] = &p.plan.Layout.members[i]
	}
	if p.s.ordered() || len(p.s.Refusals) == 0 {
		return out
	}
	refused := func(m *member) int {
		if !m.missing() {
			return 0
		}
		name := creationOf(podName(p.s.Set, m.Ordinal))
		_, now := p.s.Refusals.Of(name, p.plan.Revisions.Update)
		_, kept := p.s.Refusals.Of(name, p.plan.Revisions.Current)
		return rank(!now && !kept)
	}
	slices.SortStableFunc(out, func(a, b *member) int { return refused(a) - refused(b) })
	return out
}

// maxCreations is how many Pods one plan creates at most. The first of them bring the next look, and a worker is soon
// free for another set.
const maxCreations = 500

// maxStarting is how many Pods of a set may be there without being available, beyond as many as are available, before
// no more are created. A set of a hundred thousand replicas that no node takes must cost neither the operator nor the
// cluster more than that.
const maxStarting = 1000

// creations is how many Pods may be created now.
func (p *planner) creations() int {
	if p.s.ordered() {
		return maxCreations // they are made one by one
	}
	starting, available := p.starting()
	most := maxStarting + available
	if scale := p.s.Set.Spec.ScaleStrategy; scale != nil && scale.MaxUnavailable != nil {
		most = min(most, atLeastOne(scale.MaxUnavailable, p.s.replicas()))
	}
	return min(max(0, most-starting), maxCreations)
}

// starting counts the members that are there and not available, and those that are.
func (p *planner) starting() (starting, available int) {
	for i := range p.plan.Layout.members {
		switch m := &p.plan.Layout.members[i]; {
		case m.missing():
		case m.Available:
			available++
		default:
			starting++
		}
	}
	return starting, available
}

// tellStarting tells, where as many Pods are starting as may be, that the next one waits for these.
func (p *planner) tellStarting(next *member) {
	if starting, available := p.starting(); starting >= maxStarting+available {
		p.block(next.Ordinal, "Pod %s is not created yet: %d Pods of the set are there and not available; the next are "+
			"created as these become available",
			podName(p.s.Set, next.Ordinal), starting)
		p.plan.Blocked[len(p.plan.Blocked)-1].Waits = true
	}
}

// blockLater tells, where a Pod is missing after one that is not available, that it waits for that.
func (p *planner) blockLater(before *member) {
	for i := before.Position + 1; i < len(p.plan.Layout.members); i++ {
		if m := &p.plan.Layout.members[i]; m.missing() {
			p.blockUntil(m.Ordinal, before)
			return
		}
	}
}

// blockUntil tells that an ordinal waits for a member to be available.
func (p *planner) blockUntil(ordinal int, first *member) {
	p.block(ordinal, "Pod %s is not created yet: with OrderedReady Pod %s has to be available first (%s)",
		podName(p.s.Set, ordinal), podName(p.s.Set, first.Ordinal), state(first.View))
	p.plan.Blocked[len(p.plan.Blocked)-1].Waits = first.missing() || first.Broken == ""
}

// blockDeletion tells that a Pod may not go before another one is available. That is a matter of time only for one that
// is being made, or is Ready already.
func (p *planner) blockDeletion(view *View, first *obstructor) {
	p.block(view.Ordinal, "Pod %s is not deleted yet: with OrderedReady Pod %s has to be available first (%s)",
		view.Pod.Name, podName(p.s.Set, first.ordinal), state(first.view))
	p.plan.Blocked[len(p.plan.Blocked)-1].Waits = first.view == nil || first.view.terminating() || first.view.Ready
}

// create plans the Pod of an ordinal, unless something is in its way.
func (p *planner) create(m *member, kept *int) bool {
	name := podName(p.s.Set, m.Ordinal)
	if whose, taken := p.s.Taken[name]; taken {
		p.block(m.Ordinal, "Pod %s cannot be created: its name is taken by %s; delete that, or delete its owner with "+
			"--cascade=orphan to hand its Pods over", name, whose)
		return false
	}
	claims, obstacle := p.missingClaims(m.Ordinal)
	if obstacle != "" {
		p.block(m.Ordinal, "Pod %s cannot be created: %s", name, obstacle)
		return false
	}
	revision := p.revisionFor(m, kept)
	removed, obstacle := p.claimsOfRemoved(m, revision)
	if obstacle != "" {
		p.block(m.Ordinal, "Pod %s cannot be created: %s", name, obstacle)
		return false
	}
	pod := newPod(p.s.Set, p.templateOf(revision), m.Ordinal, revision, p.s.now())
	pod.Spec.Volumes = append(pod.Spec.Volumes, removed...)
	p.plan.Create = append(p.plan.Create, CreatePod{
		Ordinal: m.Ordinal, Pod: pod, Revision: revision, Claims: claims, Conditions: gateConditions(pod, p.s.now()),
	})
	m.creating = true
	return true
}

// atOtherRevisions counts the Pods that are not at the update revision.
func (p *planner) atOtherRevisions() (n int) {
	for i := range p.plan.Layout.members {
		if m := &p.plan.Layout.members[i]; !m.missing() && m.Revision != p.plan.Revisions.Update {
			n++
		}
	}
	return n
}

// revisionFor names the revision that a new Pod is made from: the partition keeps the lowest ordinals at the current
// one or, with unorderedUpdate, that many Pods of any ordinal. kept is how many Pods are at other revisions than the
// update revision.
func (p *planner) revisionFor(m *member, kept *int) string {
	r := &p.plan.Revisions
	stays := m.Position < p.partition()
	if p.s.strategy().UnorderedUpdate != nil {
		stays = *kept < p.partition()
	}
	if current := p.byName[r.Current]; !stays || r.Current == r.Update || current == nil || current.Template == nil {
		return r.Update
	}
	*kept++
	return r.Current
}

// gateConditions are what a new Pod's readiness gates of ours wait for. Nothing keeps a new Pod from serving.
func gateConditions(pod *corev1.Pod, now metaTime) []corev1.PodCondition {
	var out []corev1.PodCondition
	for _, kind := range []corev1.PodConditionType{v1beta1.InPlaceUpdateReadyCondition, v1beta1.KruisePodReadyCondition} {
		if pods.HasGate(pod, kind) {
			out = append(out, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
		}
	}
	return out
}
