// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// rules are what a Pod is asked before it is taken, in this order. The first rule that holds it back is what it waits
// for, and the next Pod is asked; if none does, each rule that was asked takes its due, and the Pod is taken: in
// plan_update.go, begin makes an action of one whose update begins, finish of one whose hot upgrade ends, and complete
// of one of which a resize was refused before.
//
// What is spent stays spent for the rest of a plan. So the rule of maxUnavailable, which comes before those that are
// about single Pods, ends the walk by itself: all serving Pods after it have it as their reason. Pods that do not serve
// pass it, wherever they stand in the order.
//
// A new rule is a row at its place, with a reason of api/v1beta1 that is in waitingReasons too. Its function decides on
// the Snapshot and on what this plan has taken. It is asked about up to every Pod of a set: it makes its words once for
// all Pods that wait for the same thing, not once for each.
var rules = []rule{
	{reason: v1beta1.WaitingInFlight, of: stepBegin, holds: (*planner).takenElsewhere},
	{reason: v1beta1.WaitingInFlight, of: stepBegin, holds: (*planner).inFlight},
	{reason: v1beta1.WaitingKubeletUnknown, of: stepBegin, holds: (*planner).kubeletUnknown},
	{reason: v1beta1.WaitingMaxUnavailable, of: anyStep, ifServing: true, holds: (*planner).noShare, take: (*planner).takeShare},
	{reason: v1beta1.WaitingTopology, of: stepBegin, holds: (*planner).otherDomain, take: (*planner).takeDomain},
	{reason: v1beta1.WaitingImagePulling, of: stepBegin, ifBegun: true, holds: (*planner).imagePulling},
	{reason: v1beta1.WaitingImageUnavailable, of: stepBegin, ifBegun: true, holds: (*planner).imageUnavailable},
	{reason: v1beta1.WaitingHookTimeout, of: stepBegin, ifServing: true, holds: (*planner).hookTimedOut},
	{
		reason: v1beta1.WaitingWorkloadUnavailable, of: anyStep, ifServing: true, ifRestarts: true,
		holds: (*planner).workloadDown, take: (*planner).takeFromWorkload,
	},
	{
		reason: v1beta1.WaitingDisruptionBudget, of: anyStep, ifServing: true, ifRestarts: true,
		holds: (*planner).disrupts, take: (*planner).takeDisruption,
	},
}

// rule is one thing that a Pod may wait for.
type rule struct {
	// reason is one of v1beta1.Waiting...
	reason string
	// of are the steps that ask it.
	of step
	// ifServing means that it is not asked about a Pod that does not serve, and ifRestarts that it is asked only if the
	// change restarts a container of the Pod.
	ifServing, ifRestarts bool
	// ifBegun means that it is asked again about a Pod that has left service for its update, and so has its shares: what
	// it said then was about the version of then.
	ifBegun bool
	// holds reports whether the Pod has to wait, and says in words what for: a sentence without its end, the same one for
	// all Pods that wait for the same thing.
	holds func(p *planner, c *candidate) (words string, waits bool)
	// take spends what the Pod costs. Nil: nothing is spent.
	take func(p *planner, c *candidate)
}

// step is what is to be done to a candidate.
type step int

const (
	// stepBegin is the update of a Pod that is not at the current version, the start of a hot upgrade included.
	stepBegin step = 1 << iota
	// stepEnd is the end of a hot upgrade.
	stepEnd
	// stepResize is the second half of an update, which was refused before.
	stepResize

	anyStep = stepBegin | stepEnd | stepResize
)

// asked reports whether the rule is about this step of this Pod.
func (r *rule) asked(p *planner, c *candidate) bool {
	return r.of&c.step != 0 && (!r.ifServing || c.Ready()) && (!r.ifRestarts || p.restarts(c))
}

// ask finds the first rule that holds a candidate back; nil when it may go.
func (p *planner) ask(c *candidate) (held *rule, words string) {
	for i := range rules {
		if r := &rules[i]; r.asked(p, c) {
			if words, waits := r.holds(p, c); waits {
				return r, words
			}
		}
	}
	return nil, ""
}

// askBegun finds the first rule that holds a candidate back which has left service.
func (p *planner) askBegun(c *candidate) (held *rule, words string) {
	for i := range rules {
		if r := &rules[i]; r.ifBegun && r.asked(p, c) {
			if words, waits := r.holds(p, c); waits {
				return r, words
			}
		}
	}
	return nil, ""
}

// goes asks all rules whether a candidate may go now, and takes what it costs if so. If not, it waits.
func (p *planner) goes(c *candidate) bool {
	if held, words := p.ask(c); held != nil {
		p.wait(c, held.reason, words)
		return false
	}
	p.spend(c)
	return true
}

// spend takes from all rules what a candidate costs.
func (p *planner) spend(c *candidate) {
	for i := range rules {
		if r := &rules[i]; r.take != nil && r.asked(p, c) {
			r.take(p, c)
		}
	}
}

// restarts reports whether the step restarts a container of the Pod.
func (p *planner) restarts(c *candidate) bool {
	if c.restarts == unasked {
		c.restarts = answerOf(c.step == stepEnd || p.set.Restarts(c.View, c.resizes()))
	}
	return c.restarts == yes
}

// Wait are Pods that wait for the same thing.
type Wait struct {
	// Reason is one of v1beta1.Waiting..., Words what they wait for: a sentence without its end.
	Reason, Words string
	// Pods are those of which this is the first obstacle, in the order in which they were asked, First the one whose name
	// comes first.
	Pods  []*sidecar.View
	First *sidecar.View
}

// wait notes what a candidate waits for.
func (p *planner) wait(c *candidate, reason, words string) {
	if !c.refusing {
		p.plan.Elsewhere++
	}
	key := [2]string{reason, words}
	at, known := p.waitAt[key]
	if !known {
		at = len(p.plan.Waiting)
		p.waitAt[key] = at
		p.plan.Waiting = append(p.plan.Waiting, Wait{Reason: reason, Words: words, First: c.View})
	}
	w := &p.plan.Waiting[at]
	w.Pods = append(w.Pods, c.View)
	if comparePods(c.Pod, w.First.Pod) < 0 {
		w.First = c.View
	}
}

// resting is whether the Pods wait for nothing that comes by itself.
func (w *Wait) resting() bool { return w.Words == zeroWords }

// lookAgain is whether Pods wait for something that may come with no event of its own.
func (p *Plan) lookAgain() bool {
	return len(p.Blockers) > 0 || slices.ContainsFunc(p.Waiting, func(w Wait) bool { return !w.resting() })
}

// waiting is how many Pods wait for their update.
func (p *Plan) waiting() int {
	n := 0
	for i := range p.Waiting {
		n += len(p.Waiting[i].Pods)
	}
	return n
}

// inFlight holds back a Pod that serves while its kubelet is about an earlier update of the set, and any Pod while it is
// about what another set or a StatefulSet has changed or holds the Pod NotReady for: what is written now would be down
// with that, and be charged to nobody. Where the other change comes to no end by itself, nobody waits for it.
func (p *planner) inFlight(c *candidate) (words string, waits bool) {
	other := c.HeldByOthers()
	switch {
	case c.Ready() && (c.UnderWay() || c.Unhooked()), c.Returning() && !p.s.lost(c.View):
		return "An earlier change is not at its end", true
	case other == "" && !c.ChangedByOthers():
		return "", false
	case c.Unscheduled() || p.s.lost(c.View) || c.Ended() != "":
		return "", false
	case other != "":
		return "Held NotReady for a change by " + other, !pods.AnyBroken(c.Pod)
	}
	return "A change by another object is not at its end", !pods.AnyBroken(c.Pod)
}

// zeroWords are what Pods wait for that serve while maxUnavailable is 0. It is what somebody wants, and nothing that ends.
const zeroWords = "maxUnavailable is 0, so no Pod that serves is updated"

// noShare holds back a Pod for which maxUnavailable has no share left. If that is 0, nothing is begun in a Pod that serves,
// and what was begun is carried to its end, one Pod at a time.
func (p *planner) noShare(c *candidate) (words string, waits bool) {
	switch {
	case p.noneMayGo && c.step == stepBegin:
		p.plan.Hold = HoldZero
		return zeroWords, true
	case p.noneMayGo:
		return "maxUnavailable is 0, so what was begun comes to its end one Pod at a time", p.budget.endings <= 0
	case p.budget.mayRestart(charged(p.s, c.View)):
		return "", false
	}
	if p.budget.words == "" {
		p.budget.words = fmt.Sprintf("maxUnavailable (%s) is used up", p.s.Set.Spec.UpdateStrategy.MaxUnavailable)
	}
	return p.budget.words, true
}

func (p *planner) takeShare(c *candidate) {
	p.budget.endings--
	p.budget.restart(charged(p.s, c.View))
}
