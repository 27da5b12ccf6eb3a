// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/internal/workload"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// planner makes one plan. What must not wait comes first: Pods without sidecars, and updates of which half is written.
// Then the Pods that are not up to date are sorted out, and as many are updated as the budget allows.
type planner struct {
	s *Snapshot
	// set is the snapshot's with the name of its revision, by which Pods are marked.
	set  *sidecar.Set
	plan *Plan
	// noneMayGo is the snapshot's answer, which is asked about every Pod.
	noneMayGo bool
	// budget is what the rollout may still take down. It is nil until it is known what repair takes.
	budget *budget
	// budgets are what the plan has left of PodDisruptionBudgets, nil before somebody has asked.
	budgets *disruption.Counter
	// book knows which nodes have the images of those that may be updated.
	book *pull.Book
	// needed are the images that the candidate in question needs, shared are those that the one before needed.
	needed, shared []pull.Image
	// workloads are nil before a rule asks for one.
	workloads workloads
	// topology is nil when there is no order of domains.
	topology *topology
	// waitAt is where in the plan those are that wait, by reason and words.
	waitAt map[[2]string]int
	// going are the Pods that go on towards their update, or wait for something in the middle of it, and timedOut is what
	// is said of those whose hook did not let go.
	going    map[*sidecar.View]bool
	timedOut string
}

func newPlanner(s *Snapshot) (*planner, error) {
	revisions, err := planRevisions(s)
	if err != nil {
		return nil, err
	}
	return &planner{
		s: s, set: s.Set.WithRevision(revisions.Current), plan: &Plan{Revisions: revisions, Takes: s.Takes},
		noneMayGo: s.noneMayGo(),
		waitAt:    map[[2]string]int{}, going: map[*sidecar.View]bool{},
	}, nil
}

// makePlan decides what to do now.
func makePlan(s *Snapshot) (*Plan, error) {
	p, err := newPlanner(s)
	if err != nil {
		return nil, err
	}
	p.findBroken()
	p.findHeldResizes()
	p.repair()
	if err := p.complete(false); err != nil {
		return nil, err
	}
	candidates := p.candidates()
	p.mark()
	if p.plan.Hold = p.hold(); p.plan.Hold != HoldNone {
		p.plan.Held = len(candidates)
		p.openBook()
	} else {
		err = p.update(candidates)
	}
	p.plan.Pulls = p.book.Plan()
	if len(candidates) == 0 && allFinished(s) {
		p.plan.Hold = HoldNone
	}
	p.letGo()
	p.plan.Blockers = blockers(s)
	p.plan.SettleIn = settleIn(s)
	p.excuse()
	return p.plan, err
}

// allFinished reports whether no hot upgrade waits for its end.
func allFinished(s *Snapshot) bool {
	for _, view := range s.Matched {
		if !view.HotFinished() {
			return false
		}
	}
	return true
}

// hold says why the rollout is to rest, HoldNone when it is not.
func (p *planner) hold() Hold {
	strategy, restsAt := &p.s.Set.Spec.UpdateStrategy, p.s.Set.Object.Status.AutoPausedRevision
	switch {
	case strategy.Type == v1beta1.NotUpdateSidecarSetStrategyType:
		return HoldNotUpdate
	case strategy.Paused:
		return HoldPaused
	case strategy.AutoPauseOnFailure && (failing(p.s, p.plan.Failed) || restsAt == p.plan.Revisions.Current):
		return HoldAutoPaused
	}
	return HoldNone
}

// statusLag is how long after a Pod was written to its status may still be about what ran before: until the kubelet has
// begun to act, it goes on to report why the version before could not run.
const statusLag = 10 * time.Second

// findBroken looks for an updated Pod with a sidecar that cannot run.
func (p *planner) findBroken() {
	for _, view := range p.s.Matched {
		if !view.Updated() {
			continue
		}
		name, reason := view.Broken()
		if name == "" {
			continue
		}
		if age := p.s.Now.Sub(view.WrittenAt()); age < statusLag {
			p.plan.StatusIn = max(p.plan.StatusIn, statusLag-age)
			continue
		}
		broken := &BrokenPod{View: view, Container: name, Reason: reason, served: view.ServedBefore()}
		if broken.served {
			p.plan.Failed = append(p.plan.Failed, view)
		}
		if p.plan.Broken == nil || broken.before(p.plan.Broken) {
			p.plan.Broken = broken
		}
	}
}

// findHeldResizes looks for Pods whose kubelets do not make the resize that an update of the set asked for.
func (p *planner) findHeldResizes() {
	for _, view := range p.s.Matched {
		if answer := view.HeldResize(); answer.Held() {
			p.plan.HeldResizes = append(p.plan.HeldResizes, HeldResize{view, answer})
		}
	}
	slices.SortFunc(p.plan.HeldResizes, func(a, b HeldResize) int { return comparePods(a.View.Pod, b.View.Pod) })
}

// failing reports whether enough updated Pods have failed to blame the version for it: one, where all Pods are of one
// workload; else some of two workloads; and where the set reaches Pods of several namespaces, some of two namespaces.
// Whoever may only make Pods in one namespace cannot have the rollout paused for all.
func failing(s *Snapshot, failed []*sidecar.View) bool {
	for _, group := range []func(*corev1.Pod) string{namespaceOf, workloadOf} {
		if several(s.Matched, group) {
			return several(failed, group)
		}
	}
	return len(failed) > 0
}

// several reports whether Pods belong to more than one group.
func several(views []*sidecar.View, group func(*corev1.Pod) string) bool {
	return slices.ContainsFunc(views, func(v *sidecar.View) bool { return group(v.Pod) != group(views[0].Pod) })
}

func namespaceOf(pod *corev1.Pod) string { return pod.Namespace }

// workloadOf names what made a Pod. All Pods of a namespace that nothing made are one workload here: whoever makes bare
// Pods makes many alike.
func workloadOf(pod *corev1.Pod) string {
	if id := workload.Of(pod); id.Kind != workload.KindPod {
		return id.String()
	}
	return pod.Namespace
}

// candidate is a Pod that is to be updated, sooner or later, or of which an update is to be carried to its end.
type candidate struct {
	*sidecar.View
	// step is what is to be done.
	step step
	// domain is that of the Pod's node, where the rollout takes one after the other.
	domain string
	// resized are the containers that get new cpu and memory. unresizable is what the API server says where the Pod's node can
	// never give it those: then it gets everything else.
	resized     []string
	unresizable string
	// refusing means that a Pod of its namespace was refused.
	refusing bool
	// takes are the budgets of other Pods that it is taken from.
	takes []ledger.Budget
	// images are those that its node has to have before the update begins.
	images []pull.Image
	// restarts is the answer of the planner's method of the name, once somebody has asked.
	restarts answer
}

// answer is one that is worked out when it is first asked for.
type answer int

const (
	unasked answer = iota
	no
	yes
)

func answerOf(is bool) answer {
	if is {
		return yes
	}
	return no
}

// resizes are the containers whose cpu and memory are written with the update.
func (c *candidate) resizes() []string {
	if c.unresizable != "" {
		return nil
	}
	return c.resized
}

// candidates sorts out the Pods that are not up to date.
func (p *planner) candidates() []*candidate {
	differences := differences{snapshot: p.s}
	block := make([]candidate, 0, p.s.outdated()) // all at once, since they are many
	out := make([]*candidate, 0, cap(block))
	for _, view := range p.s.Matched {
		switch {
		case view.Updated():
		case !p.s.Set.UpdateSelects(view.Pod.Labels):
			p.plan.Kept++
		default:
			resized, why := differences.obstacles(view)
			if len(why) > 0 {
				p.plan.NotUpgradable = append(p.plan.NotUpgradable, NotUpgradablePod{view, why})
				continue
			}
			block = append(block, candidate{
				View: view, step: stepBegin, domain: p.s.domain(view), resized: withOwed(resized, view),
			})
			c := &block[len(block)-1]
			if r, _ := p.s.refused(view, writeResize); r.Infeasible {
				c.unresizable = refusal.Reason(r.Words)
			}
			out = append(out, c)
		}
	}
	return out
}

// withOwed adds the resizes that a Pod is still owed to those that its update brings. These may be one slice for all Pods
// of a revision, so it is not written to.
func withOwed(resized []string, view *sidecar.View) []string {
	owed := view.OwedResizes()
	if len(owed) == 0 {
		return resized
	}
	return slices.Concat(resized, owed)
}

// outdated counts the Pods that are not up to date.
func (s *Snapshot) outdated() int {
	n := 0
	for _, view := range s.Matched {
		if !view.Updated() {
			n++
		}
	}
	return n
}
