// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/priority"
)

// rollOut wishes the update of as many Pods as may go now.
func (p *planner) rollOut() {
	p.replaceWrongRevisions()
	targets := p.targets()
	state := make([]target, len(targets))
	others := p.down()
	for i, m := range targets {
		state[i] = p.target(m)
		if p.isDown(m) {
			others--
		}
	}
	p.pullAhead(targets, state)
	chosen, blocked := chooseTargets(state, others, p.s.maxUnavailable())
	if p.plan.Rollout.Hold = p.hold(); p.plan.Rollout.Hold != HoldNone {
		chosen = nil
	} else {
		p.tellUnexpandable(targets)
		p.noteNotUpgradable(targets, state)
		p.replaceInfeasible(targets)
		p.awaitKubelets(targets, state)
		if blocked {
			p.plan.Rollout.Hold = HoldBudget
		}
		chosen = append(chosen, p.retries(targets, chosen)...)
		chosen = p.undisrupted(targets, state, chosen)
	}
	for _, i := range chosen {
		p.want(targets[i].View, wish{wishUpdate, CauseUpdate, reasonFor(state[i])})
	}
	p.describe(targets, state, chosen)
}

// down counts the members that are not available, or about to go.
func (p *planner) down() (n int) {
	for i := range p.plan.Layout.members {
		if p.isDown(&p.plan.Layout.members[i]) {
			n++
		}
	}
	return n
}

func (p *planner) isDown(m *member) bool { return !m.available() || p.goes(m.View) }

// hold reports whether the rollout is to rest.
func (p *planner) hold() Hold {
	switch {
	case p.s.onDelete():
		return HoldOnDelete
	case p.s.strategy().Paused:
		return HoldPaused
	}
	return HoldNone
}

func reasonFor(t target) string {
	switch {
	case t.broken:
		return "it cannot run at the revision that it is at"
	case t.begun:
		return "it has begun already"
	case !t.available:
		return "it does not serve, so little is lost"
	}
	return "its turn has come"
}

// targets are the members that should be at the update revision, in the order in which they are to be brought there:
// the highest ordinal first or, with unorderedUpdate, those that are there or on their way, then by priority.
func (p *planner) targets() []*member {
	members := p.plan.Layout.members
	out := make([]*member, 0, len(members))
	for i := range slices.Backward(members) {
		out = append(out, &members[i])
	}
	keep := min(p.partition(), len(out))
	unordered := p.s.strategy().UnorderedUpdate
	if unordered == nil {
		return out[:len(out)-keep]
	}
	priority.Sort(unordered.PriorityStrategy, out, (*member).labels)
	slices.SortStableFunc(out, func(a, b *member) int { return cmp.Compare(p.distance(a), p.distance(b)) })
	return out[:len(out)-keep]
}

// partition is how many members stay at an earlier revision.
func (p *planner) partition() int { return p.s.partition() }

// distance is 0 for a member that is at the update revision, or going there.
func (p *planner) distance(m *member) int {
	if !m.leaving() && m.Revision != p.plan.Revisions.Update {
		return 1
	}
	return 0
}

func (p *planner) target(m *member) target {
	t := target{missing: m.missing() && !m.creating}
	t.leaving = !t.missing && (m.leaving() || p.goes(m.View))
	if t.leaving || t.missing {
		return t
	}
	growing := p.claimsGrowing(m.Ordinal)
	t.updated = m.Revision == p.plan.Revisions.Update && !growing && len(p.claimsToGrow(m.Ordinal)) == 0
	t.begun = growing || m.State == v1beta1.LifecycleStatePreparingUpdate ||
		m.State == v1beta1.LifecycleStatePreparingDelete || m.Draining
	t.broken, t.available = m.Broken != "", m.Available && !growing
	t.notUpgradable = !t.updated && p.notUpgradable(m.View)
	if !t.updated {
		p.recall(m, &t)
		t.kubeletUnknown = p.kubeletUnknown(m.View) != ""
	}
	return t
}

// kubeletUnknown says why a Pod waits to be changed in place, "" when it does not for this: nobody knows whether its kubelet
// can make the change. A Pod that is recreated, or that does not run, comes to no harm by it.
func (p *planner) kubeletUnknown(view *View) string {
	if view.Broken != "" || view.Revision == p.plan.Revisions.Update || p.recreates(view) {
		return ""
	}
	return p.changeOf(view).KubeletNeeds(view.Pod).Waits(view.Pod.Spec.NodeName, p.s.Kubelets[view.Pod.Spec.NodeName])
}

// kubeletLooks is how long to wait at most for a node to say which kubelet it has: that brings no event.
const kubeletLooks = 30 * time.Second

// awaitKubelets notes the targets that wait until their nodes say which kubelets they have.
func (p *planner) awaitKubelets(targets []*member, state []target) {
	for i, m := range targets {
		if state[i].kubeletUnknown {
			p.waitFor(m.Pod.Name, p.kubeletUnknown(m.View))
			p.soon(kubeletLooks)
		}
	}
}

// recall takes in what came of the last try to update a member: of its hook, and of the API server.
func (p *planner) recall(m *member, t *target) {
	t.timedOut = m.TimedOut && !t.broken
	r, known := p.s.Refusals.Of(m.Pod.UID, p.plan.Revisions.Update)
	if !known || r.Infeasible {
		return
	}
	waits := r.Waits(p.s.Now)
	t.refused, t.doubtful, t.retried = waits && !r.Doubtful, waits && r.Doubtful, !waits
}

// replaceWrongRevisions lets go of broken Pods below the partition that are at neither of the revisions that they could have:
// those of a template that was given up.
func (p *planner) replaceWrongRevisions() {
	if p.hold() != HoldNone || p.s.strategy().UnorderedUpdate != nil {
		return
	}
	members := p.plan.Layout.members
	for i := range members[:min(p.partition(), len(members))] {
		m := &members[i]
		if !m.missing() && m.Broken != "" && m.Revision != p.plan.Revisions.Current && m.Revision != p.plan.Revisions.Update {
			p.want(m.View, wish{wishDelete, CauseUpdate, "it cannot run (" + m.Broken + ") at a revision that was given up"})
		}
	}
}

// replaceInfeasible lets Pods go whose node can never give them what they are resized to. They are in flight, so this
// costs the budget nothing.
func (p *planner) replaceInfeasible(targets []*member) {
	if p.s.strategy().PodUpdatePolicy != v1beta1.InPlaceIfPossiblePodUpdatePolicy {
		return
	}
	for _, m := range targets {
		if m.missing() || m.Unfinished == "" || m.Revision != p.plan.Revisions.Update {
			continue
		}
		if answer := inplace.Answered(m.Pod); answer.Infeasible() {
			why := fmt.Sprintf("node %s cannot give it what it is resized to: %s", m.Pod.Spec.NodeName, answer.Message)
			p.want(m.View, wish{wishDelete, CauseUpdate, why})
		}
	}
}

// describe notes who waits for whom.
func (p *planner) describe(targets []*member, state []target, chosen []int) {
	r := &p.plan.Rollout
	going := map[int]bool{}
	for _, i := range chosen {
		going[i] = true
	}
	for i, m := range targets {
		switch t := &state[i]; {
		case t.inFlight(), t.missing:
			r.Blockers = append(r.Blockers, podName(p.s.Set, m.Ordinal))
		case t.refused, t.doubtful:
			p.tellRefusedUpdate(m.View)
		case !t.updated && !t.notUpgradable && !going[i]:
			r.Waiting = append(r.Waiting, m.Ordinal)
			p.tellRecreated(m.View)
		}
	}
	p.describeOthers(targets)
	slices.Sort(r.Waiting)
	r.Waiting = slices.Compact(r.Waiting)
	if len(r.Waiting) == 0 && r.Hold != HoldPaused {
		r.Hold = HoldNone
	}
}

// describeOthers notes the members that are no targets: how many are kept at their revision, and which of them the
// targets wait for.
func (p *planner) describeOthers(targets []*member) {
	r := &p.plan.Rollout
	isTarget := make([]bool, len(p.plan.Layout.members))
	for _, m := range targets {
		isTarget[m.Position] = true
	}
	for i := range p.plan.Layout.members {
		m := &p.plan.Layout.members[i]
		if isTarget[i] {
			continue
		}
		if !m.missing() && m.Revision != p.plan.Revisions.Update {
			r.Kept++
		}
		if !m.available() {
			r.Blockers = append(r.Blockers, podName(p.s.Set, m.Ordinal))
		}
	}
}

// tellRefusedUpdate notes a Pod whose update was refused and waits for its next try.
func (p *planner) tellRefusedUpdate(view *View) {
	r, _ := p.s.Refusals.Of(view.Pod.UID, p.plan.Revisions.Update)
	verb := "change"
	if p.recreates(view) {
		verb = CauseUpdate.verb()
	}
	p.tellRefused(view, r.Words, verb)
}

// noteNotUpgradable notes the Pods that cannot be brought to the update revision, and why.
func (p *planner) noteNotUpgradable(targets []*member, state []target) {
	for i, m := range targets {
		if state[i].notUpgradable {
			p.plan.Rollout.NotUpgradable = append(p.plan.Rollout.NotUpgradable, NotUpgradablePod{m.View, p.obstacles(m.View)})
		}
	}
}

// tellRecreated notes what of the set's template a Pod that waits for its turn cannot take in place, though
// podUpdatePolicy asks for it.
func (p *planner) tellRecreated(view *View) {
	if !p.s.onDelete() && p.s.strategy().PodUpdatePolicy == v1beta1.InPlaceIfPossiblePodUpdatePolicy &&
		view.Revision != p.plan.Revisions.Update {
		p.plan.Rollout.Recreated = mergeSorted(p.plan.Rollout.Recreated, p.change(view.Revision).obstacles)
	}
}

// deleteAsked lets Pods go that a person labelled for it: those that do not serve at once, others within
// maxUnavailable. Neither partition nor pause keeps them.
func (p *planner) deleteAsked() {
	unavailable := p.down()
	for i := range slices.Backward(p.plan.Layout.members) {
		m := &p.plan.Layout.members[i]
		if m.missing() || !m.Asked || m.terminating() {
			continue
		}
		if m.Available && unavailable >= p.s.maxUnavailable() {
			p.plan.Rollout.Waiting = append(p.plan.Rollout.Waiting, m.Ordinal)
			continue
		}
		if m.Available {
			unavailable++
		}
		p.want(m.View, wish{wishDelete, CauseAsked, "it carries the label " + v1beta1.SpecifiedDeleteLabel})
	}
}
