// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// What the API server refuses is one of these writes. Each is remembered for the set's version.
const (
	writeUpdate = "update"
	writeFinish = "finish"
	writeResize = "resize"
)

// refusalKey is what a refused write is remembered by, besides the Pod.
func refusalKey(set *sidecar.Set, write string) string { return write + " " + set.Hashes.Full }

// refused looks up what is known of a write to a Pod.
func (s *Snapshot) refused(view *sidecar.View, write string) (refusal.Refusal, bool) {
	if len(s.Refusals) == 0 {
		return refusal.Refusal{}, false // as mostly: it is asked about every Pod
	}
	return s.Refusals.Of(view.Pod.UID, refusalKey(s.Set, write))
}

// waits reports whether a write to a Pod was refused and is not to be tried again yet. The Pod is named then, unless it says
// itself that its node can never give it its resources: nobody waits for it.
func (p *planner) waits(view *sidecar.View, write string) bool {
	r, known := p.s.refused(view, write)
	if !known || !r.Waits(p.s.Now) {
		return false
	}
	if r.Infeasible && view.ResizeRefused() != "" {
		return true
	}
	p.plan.Refused = append(p.plan.Refused, RefusedPod{view, r.Words})
	return true
}

// complete plans the second half of updates of which only the first was written. They have their share, and nothing is
// to stay half of a change, so it is done whatever the rollout does meanwhile. What was refused before has given its
// share back and needs the budget: again says that it is about that.
func (p *planner) complete(again bool) error {
	for _, view := range p.s.Matched {
		if !view.Updated() || len(view.OwedResizes()) == 0 {
			continue
		}
		r, known := p.s.refused(view, writeResize)
		if !again && r.Infeasible && view.ResizeRefused() == "" {
			if err := p.noteRefusal(view, refusal.Reason(r.Words)); err != nil {
				return err
			}
			continue
		}
		c := &candidate{View: view, step: stepResize, resized: view.OwedResizes()}
		refused := known || view.ResizeRefused() != ""
		if refused != again || again && (p.waits(view, writeResize) || !p.goesAgain(c)) {
			continue
		}
		if change := p.set.Complete(view); change != nil {
			p.plan.Completions = append(p.plan.Completions, UpdatePod{
				View: view, Change: change, Takes: c.takes, Reason: "its image was changed before, its resources were not",
			})
		}
	}
	return nil
}

// noteRefusal plans that a Pod says of the resources that are owed to it that its node can never give them, so that nobody
// waits for them. Mostly its update has said so already; not where the node could when that began.
func (p *planner) noteRefusal(view *sidecar.View, words string) error {
	change, err := p.set.NoteRefusal(view, words)
	if err != nil {
		return fmt.Errorf("record of the resize of Pod %s: %w", podName(view.Pod), err)
	}
	p.plan.Completions = append(p.plan.Completions, UpdatePod{
		View: view, Change: change, Reason: "its node can never give it its new resources",
	})
	return nil
}

// goesAgain is goes for what was refused before. If it has to wait, it is named as refused, not as waiting.
func (p *planner) goesAgain(c *candidate) bool {
	if held, _ := p.ask(c); held != nil {
		p.plan.Again++
		return false
	}
	p.spend(c)
	return true
}

// update ends hot upgrades that can be ended and takes candidates in order while the budget lasts. What was never
// refused comes first: a refused write costs nothing, but each try takes the place of another one in this round.
func (p *planner) update(candidates []*candidate) error {
	p.budget = newBudget(p.s, p.evictedServing())
	candidates, kept := p.targets(candidates)
	p.plan.Kept += len(kept)
	p.countUngated(candidates)
	fresh, again := p.byRefusal(candidates)
	p.topology = newTopology(p.s, fresh)
	p.openBook(fresh, again)
	for _, step := range []func() error{
		func() error { return p.finish(false) },
		func() error { return p.choose(fresh) },
		func() error { return p.complete(true) },
		func() error { return p.finish(true) },
		func() error { return p.chooseAgain(again) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// targets are the candidates that are to be updated, in the order of their turns. The partition keeps the others.
func (p *planner) targets(candidates []*candidate) (targets, kept []*candidate) {
	candidates = order(&p.s.Set.Spec.UpdateStrategy, candidates)
	slices.SortStableFunc(candidates, func(a, b *candidate) int { return compareBool(b.Begun(), a.Begun()) })
	keep := min(partition(p.s.Set.Spec.UpdateStrategy.Partition, len(p.s.Matched)), len(candidates))
	return candidates[:len(candidates)-keep], candidates[len(candidates)-keep:]
}

// byRefusal parts the candidates that were never refused from those that are due again, the one that waits longest
// first; those that are not due are set aside. What refused one Pod of a namespace probably refuses the next, so its
// other Pods come after those of all others.
func (p *planner) byRefusal(candidates []*candidate) (fresh, again []*candidate) {
	if len(p.s.Refusals) == 0 {
		return candidates, nil
	}
	refusing := map[string]bool{}
	for _, c := range candidates {
		if _, known := p.s.refused(c.View, writeUpdate); known {
			refusing[c.Pod.Namespace] = true
		}
	}
	for _, c := range candidates {
		c.refusing = refusing[c.Pod.Namespace]
		switch _, known := p.s.refused(c.View, writeUpdate); {
		case !known:
			fresh = append(fresh, c)
		case !p.waits(c.View, writeUpdate):
			again = append(again, c)
		}
	}
	slices.SortStableFunc(fresh, func(a, b *candidate) int { return compareBool(a.refusing, b.refusing) })
	slices.SortStableFunc(again, func(a, b *candidate) int {
		first, _ := p.s.refused(a.View, writeUpdate)
		second, _ := p.s.refused(b.View, writeUpdate)
		return first.At.Compare(second.At)
	})
	return fresh, again
}

// finish ends hot upgrades whose new container serves; again says whether it is about those that were refused before.
func (p *planner) finish(again bool) error {
	for _, view := range p.s.Matched {
		if !view.Updated() || view.HotFinished() {
			continue
		}
		if _, known := p.s.refused(view, writeFinish); known != again || again && p.waits(view, writeFinish) {
			continue
		}
		change, err := p.set.FinishHot(view, metav1.NewTime(p.s.Now))
		if err != nil {
			return fmt.Errorf("end of the hot upgrade of Pod %s: %w", podName(view.Pod), err)
		}
		c := &candidate{View: view, step: stepEnd, refusing: again}
		if change != nil && p.goes(c) {
			p.plan.Finishes = append(p.plan.Finishes, UpdatePod{
				View: view, Change: change, NotServing: !view.Ready(), Takes: c.takes,
				Reason: "the new container serves, the old one can go",
			})
		}
	}
	return nil
}

// choose takes candidates in order as far as the rules let it.
func (p *planner) choose(candidates []*candidate) error {
	for _, c := range candidates {
		var err error
		switch {
		case c.Begun():
			err = p.proceed(c)
		case p.goes(c):
			err = p.begin(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chooseAgain takes candidates that were refused before, as choose does. Those that have to wait are named as refused.
func (p *planner) chooseAgain(candidates []*candidate) error {
	for _, c := range candidates {
		if c.Begun() {
			if err := p.proceed(c); err != nil {
				return err
			}
			continue
		}
		if !p.goesAgain(c) {
			r, _ := p.s.refused(c.View, writeUpdate)
			p.plan.Refused = append(p.plan.Refused, RefusedPod{c.View, r.Words})
			continue
		}
		if err := p.begin(c); err != nil {
			return err
		}
	}
	return nil
}

// begin makes an action of a candidate that was taken: its update, or what has to come before that.
func (p *planner) begin(c *candidate) error {
	reason := "its turn has come"
	switch {
	case !c.Ready():
		reason = "it is not ready, so nothing is lost"
	case charged(p.s, c.View):
		reason = "its last upgrade is not at its end, so it is counted already"
	}
	update, err := p.updateOf(c, reason)
	if err != nil || p.outOfService(c, update) {
		return err
	}
	update.NotServing = !c.Ready()
	p.plan.Updates = append(p.plan.Updates, update)
	return nil
}

// updateOf is the update of a candidate.
func (p *planner) updateOf(c *candidate, reason string) (UpdatePod, error) {
	change, err := p.set.UpdateOwing(c.View, c.resized, c.unresizable, metav1.NewTime(p.s.Now))
	if err != nil {
		return UpdatePod{}, fmt.Errorf("update of Pod %s: %w", podName(c.Pod), err)
	}
	return UpdatePod{View: c.View, Change: change, Takes: c.takes, Reason: reason}, nil
}
