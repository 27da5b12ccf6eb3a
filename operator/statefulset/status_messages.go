// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/operator/report"
)

// next says how far the set is and what it waits for, what blocks first.
func (p *progress) next() string {
	m := p.waits()
	if p.rolling() && p.status.CurrentRevision != p.status.UpdateRevision && p.s.replicas() > p.s.partition() {
		m.Begin(p.extent())
	}
	return m.String()
}

// waits tells of all that the set waits for, what blocks first: one sentence at least.
func (p *progress) waits() *report.MessageBuilder {
	m := &report.MessageBuilder{}
	p.sayMissing(m)
	p.sayRefused(m)
	p.sayNotUpgradable(m)
	p.sayBlocked(m)
	p.sayPods(m)
	p.sayWaits(m)
	p.sayLater(m)
	if m.Empty() {
		m.Say("Pods changed while they were looked at; looking again.")
	}
	return m
}

// first is what the set waits for first, in one sentence.
func (p *progress) first() string { return p.waits().First() }

// extent says how far the rollout is.
func (p *progress) extent() string {
	wanted := max(0, p.s.replicas()-p.s.partition())
	done := min(int(p.status.UpdatedAvailableReplicas), wanted)
	return fmt.Sprintf("Update to revision %s: %d of %s done.", p.status.UpdateRevision, done, report.Pods(wanted))
}

// sayMissing tells of images that nobody gets.
func (p *progress) sayMissing(m *report.MessageBuilder) {
	for _, missing := range p.plan.Pulls.Missing {
		m.Say("%s", missing.Sentence())
	}
}

// sayWaits lists the Pods that wait for images, after the pulls that outlast the deadline, or for news of their kubelets.
func (p *progress) sayWaits(m *report.MessageBuilder) {
	if pulls := p.plan.Pulls.StillPulling(); p.overdue && pulls != "" {
		m.Say("%s", pulls)
	}
	for _, w := range p.plan.Rollout.Waits {
		m.List(w.Why, len(w.Pods), func(i int) string { return w.Pods[i] })
	}
}

// waitForTurn is how many Pods wait for their turn, and for nothing else.
func (p *progress) waitForTurn() int {
	n := len(p.plan.Rollout.Waiting)
	for _, w := range p.plan.Rollout.Waits {
		n -= len(w.Pods)
	}
	return max(0, n)
}

func (p *progress) sayRefused(m *report.MessageBuilder) {
	if errs := append(p.refusedChanges(), p.outcome.CreateErrors...); len(errs) > 0 {
		m.SayOfOne("%s", refusals(errs))
	}
}

// sayNotUpgradable says what cannot be done in place, and which claims cannot grow.
func (p *progress) sayNotUpgradable(m *report.MessageBuilder) {
	if r := &p.plan.Rollout; len(r.NotUpgradable) > 0 {
		m.SayOfOne("%s.", notUpgradable(r))
	}
	if r := &p.plan.Rollout; len(r.Unexpandable) > 0 {
		m.Say("%s.", unexpandable(r))
	}
}

func notUpgradable(r *Rollout) string {
	return fmt.Sprintf("podUpdatePolicy InPlaceOnly forbids to update %s: this cannot change in a running Pod: %s",
		somePods(r.NotUpgradable, NotUpgradablePod.name), strings.Join(r.NotUpgradable[0].Why, ", "))
}

func unexpandable(r *Rollout) string {
	return fmt.Sprintf("Claims that cannot grow: %d, the first: %s", len(r.Unexpandable), r.Unexpandable[0])
}

// blocked tells of ordinals that are not only a matter of time.
func (p *progress) sayBlocked(m *report.MessageBuilder) {
	for i := range p.plan.Blocked {
		if b := &p.plan.Blocked[i]; !b.Waits {
			m.SayOfOne("%s.", b.Why)
			return
		}
	}
}

// pods tells of every Pod that does not serve, those first that will not do so by themselves.
func (p *progress) sayPods(m *report.MessageBuilder) {
	var broken, hooked, starting, leaving []*View
	for _, view := range p.unavailable {
		switch now := p.now[view]; {
		case awaitedHook(p.s.Set, view.Pod, now.state) != "":
			hooked = append(hooked, view)
		case view.Broken != "" && !now.changed:
			broken = append(broken, view)
		default:
			starting = append(starting, view)
		}
	}
	for _, view := range slices.Concat(p.condemned, p.leaving) {
		if now := p.now[view]; !now.leaving && awaitedHook(p.s.Set, view.Pod, now.state) != "" {
			hooked = append(hooked, view)
		} else {
			leaving = append(leaving, view)
		}
	}
	sayBroken(m, broken)
	sayViews(m, "Waiting for lifecycle hooks", hooked, func(view *View) string { return awaitedHook(p.s.Set, view.Pod, p.now[view].state) })
	sayViews(m, "Waiting for Pods to go", leaving, func(view *View) string { return view.Going })
	m.List("Waiting for Pods to be available", len(starting)+len(p.created), func(i int) string {
		if i < len(starting) {
			return fmt.Sprintf("%s (%s)", starting[i].Pod.Name, p.why(starting[i]))
		}
		return p.created[i-len(starting)] + " (just created)"
	})
	m.List("Waiting for the claims of Pods to grow", len(p.plan.Rollout.Growing), func(i int) string { return p.plan.Rollout.Growing[i] })
}

// broken lists the Pods that will not run unless something changes, with what the kubelet or the scheduler says of
// each.
func sayBroken(m *report.MessageBuilder, views []*View) {
	m.ListBy("; ", "Cannot run", len(views), func(i int) string { return views[i].Pod.Name + ": " + pods.Trouble(views[i].Pod) })
}

// views lists Pods with a word on each, if there is one to say.
func sayViews(m *report.MessageBuilder, intro string, views []*View, word func(*View) string) {
	m.List(intro, len(views), func(i int) string {
		if said := word(views[i]); said != "" {
			return fmt.Sprintf("%s (%s)", views[i].Pod.Name, said)
		}
		return views[i].Pod.Name
	})
}

// later says what follows.
func (p *progress) sayLater(m *report.MessageBuilder) {
	r := &p.plan.Rollout
	if n := len(p.missing); n > 0 {
		m.Say("Still to be created: %s.", report.Pods(n))
	}
	switch n := len(r.Waiting); {
	case n == 0:
	case r.Hold == HoldPaused:
		m.Say("The update is paused; %s not at revision %s.", report.PodsAre(n), p.status.UpdateRevision)
	case r.Hold == HoldOnDelete:
		m.Say("With updateStrategy OnDelete %s left at an earlier revision.", report.PodsAre(n))
	default:
		if r.Disruption != "" {
			m.SayOfOne("%s: Pod %s.", r.Disruption, r.Disrupted)
		}
		if turn := p.waitForTurn(); turn > 0 {
			m.Say("Later, within maxUnavailable: %s.", report.Pods(turn))
		}
	}
	if len(r.Recreated) > 0 {
		m.Say("Pods are made anew, since this cannot change in a running Pod: %s.", strings.Join(r.Recreated, ", "))
	}
}

// advice is what a person can do, for the first cause that applies.
func (p *progress) advice() string {
	r := &p.plan.Rollout
	switch {
	case len(r.NotUpgradable) > 0 && p.unable():
		return " Take the change of the template back, or set podUpdatePolicy to InPlaceIfPossible so that the Pods may be made anew."
	case len(r.Unexpandable) > 0 && p.unable():
		return " Make the StorageClass allow expansion, or take the change of the claim template back."
	}
	if len(p.outcome.CreateErrors)+len(p.refusedChanges()) > 0 {
		return " Change what the API server objects to; what it refused is tried again by itself."
	}
	for _, view := range p.unavailable {
		if view.Broken != "" {
			return " Correct what keeps the Pod from running; if it is the template, broken Pods are replaced as soon as that is changed."
		}
	}
	held := func(v *View) bool { return v.terminating() && len(v.Pod.Finalizers) > 0 }
	if going := slices.Concat(p.leaving, p.condemned); slices.ContainsFunc(going, held) {
		return " A Pod that finalizers hold goes when they are taken away: by whoever set them or, if that is gone for good, by you."
	} else if len(going) > 0 {
		return " If the node of a Pod that does not go is lost for good, delete the Pod with kubectl delete --force."
	}
	return ""
}
