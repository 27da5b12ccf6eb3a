package sidecarset

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Plan is what to do about one SidecarSet now, and why it is no more than
// that.
type Plan struct {
	// Revisions keeps the history.
	Revisions RevisionPlan
	// Updates are the Pods to change in place.
	Updates []UpdatePod
	// Finishes are the Pods whose hot upgrades are to be ended.
	Finishes []UpdatePod
	// Evictions are the Pods without sidecars to have created anew.
	Evictions []EvictPod
	// Marks are the Pods whose condition SidecarSetUpgradable is to change.
	Marks []MarkPod
	// Hold says why Pods that are not up to date are left alone for now; empty
	// when none is.
	Hold Hold
	// Waiting are Pods that are not up to date and whose turn comes later.
	Waiting int
	// Blockers are the Pods that take up shares of maxUnavailable.
	Blockers []string
	// Kept are Pods that the partition, or the update's own selector, keeps at
	// the old version.
	Kept int
	// Limited are Pods that cannot be brought up to date in place.
	Limited []LimitedPod
	// Broken is the first updated Pod with a sidecar that cannot run.
	Broken *BrokenPod
	// VerdictIn is in how many seconds the kubelet's word about Pods written to a
	// moment ago can be believed; 0 when there are none that look broken.
	VerdictIn float64
	// Repair says why no Pod without sidecars is evicted; empty when nothing
	// speaks against it. RepairIn is in how many seconds that changes by itself,
	// 0 when it does not.
	Repair   string
	RepairIn float64
}

// Hold is why a rollout does not go on right now.
type Hold string

const (
	// HoldNone means that it does go on, or that there is nothing to do.
	HoldNone Hold = ""
	// HoldNotUpdate means that the strategy leaves running Pods alone.
	HoldNotUpdate Hold = "NotUpdate"
	// HoldPaused means that a person paused it.
	HoldPaused Hold = "Paused"
	// HoldAutoPaused means that an updated Pod failed, and that
	// autoPauseOnFailure is set.
	HoldAutoPaused Hold = "AutoPaused"
	// HoldBudget means that as many Pods as allowed are unavailable.
	HoldBudget Hold = "MaxUnavailable"
)

// UpdatePod changes one Pod in place.
type UpdatePod struct {
	View   *sidecar.View
	Change *sidecar.Change
	// Free tells that the Pod does not serve, so the update costs nothing. That
	// has to be true still when it is written.
	Free bool
	// Reason says why this Pod may go now.
	Reason string
}

// String renders the action for logs.
func (u UpdatePod) String() string {
	parts := make([]string, 0, len(u.Change.Images)+len(u.Change.Resources))
	for _, image := range u.Change.Images {
		parts = append(parts, fmt.Sprintf("%s: %s -> %s", image.Name, image.From, image.To))
	}
	for _, resources := range u.Change.Resources {
		parts = append(parts, resources.Name+": resize")
	}
	if len(parts) == 0 {
		parts = append(parts, "annotations only")
	}
	return fmt.Sprintf("update Pod %s in place (%s): %s", podName(u.View.Pod), strings.Join(parts, ", "), u.Reason)
}

// LimitedPod is a Pod that keeps its sidecars until it is created anew.
type LimitedPod struct {
	View *sidecar.View
	// Why lists what stands against an update: field paths, or a sentence.
	Why []string
}

// BrokenPod is an updated Pod with a sidecar that cannot run.
type BrokenPod struct {
	View *sidecar.View
	// Container is the sidecar, Reason what the kubelet says of it.
	Container, Reason string
}

// makePlan decides what to do now.
func makePlan(s *Snapshot) (*Plan, error) {
	revisions, err := planRevisions(s)
	if err != nil {
		return nil, err
	}
	set := s.Set.WithRevision(revisions.Current)
	plan := &Plan{Revisions: revisions}
	plan.findBroken(s)
	plan.repair(s)
	candidates := plan.candidates(s)
	plan.mark(s)
	if plan.Hold = hold(s, plan); plan.Hold != HoldNone {
		plan.Waiting = len(candidates)
	} else {
		err = plan.update(s, set, candidates)
	}
	if len(candidates) == 0 && allFinished(s) {
		plan.Hold = HoldNone
	}
	plan.Blockers = blockers(s)
	return plan, err
}

// allFinished tells whether no hot upgrade waits for its end.
func allFinished(s *Snapshot) bool {
	for _, view := range s.Matched {
		if !view.HotFinished(s.Set) {
			return false
		}
	}
	return true
}

// hold tells whether the rollout is to rest.
func hold(s *Snapshot, plan *Plan) Hold {
	strategy := &s.Set.Spec.UpdateStrategy
	switch {
	case strategy.Type == v1beta1.NotUpdateSidecarSetStrategyType:
		return HoldNotUpdate
	case strategy.Paused:
		return HoldPaused
	case strategy.AutoPauseOnFailure && (plan.Broken != nil || s.Set.Object.Status.AutoPausedRevision == plan.Revisions.Current):
		return HoldAutoPaused
	}
	return HoldNone
}

// verdictSeconds is how long after a Pod was written to the kubelet's word about
// its containers is about what was written. Until it has begun to act, it goes
// on to report why the version before could not run.
const verdictSeconds = 10

// findBroken looks for an updated Pod with a sidecar that cannot run.
func (p *Plan) findBroken(s *Snapshot) {
	for _, view := range s.Matched {
		if !view.Updated(s.Set) {
			continue
		}
		name, reason := view.Broken(s.Set)
		if name == "" {
			continue
		}
		if age := s.Now.Sub(view.WrittenAt(s.Set)).Seconds(); age < verdictSeconds {
			p.VerdictIn = max(p.VerdictIn, verdictSeconds-age)
			continue
		}
		if p.Broken == nil || podName(view.Pod) < podName(p.Broken.View.Pod) {
			p.Broken = &BrokenPod{View: view, Container: name, Reason: reason}
		}
	}
}

// candidate is a Pod that is to be updated, sooner or later.
type candidate struct {
	*sidecar.View
	// resized are the containers that get new cpu and memory.
	resized []string
}

// candidates sorts out the Pods that are not up to date.
func (p *Plan) candidates(s *Snapshot) []candidate {
	differences := differences{snapshot: s}
	var out []candidate
	for _, view := range s.Matched {
		switch {
		case view.Updated(s.Set):
		case !s.Set.UpdateSelects(view.Pod.Labels):
			p.Kept++
		default:
			resized, why := differences.obstacles(view)
			if len(why) > 0 {
				p.Limited = append(p.Limited, LimitedPod{view, why})
				continue
			}
			out = append(out, candidate{view, resized})
		}
	}
	return out
}

// update ends hot upgrades that can be ended and takes candidates in order
// while the budget lasts.
func (p *Plan) update(s *Snapshot, set *sidecar.Set, candidates []candidate) error {
	now := metav1.NewTime(s.Now)
	b := newBudget(s, len(p.Evictions))
	for _, view := range s.Matched {
		if !view.Updated(s.Set) || (view.Ready() && !b.restartCharged()) {
			continue
		}
		change, err := set.FinishHot(view, now)
		if err != nil {
			return fmt.Errorf("end of the hot upgrade of Pod %s: %w", podName(view.Pod), err)
		}
		if change != nil {
			b.restart(view)
			p.Finishes = append(p.Finishes, UpdatePod{View: view, Change: change, Reason: "the new container serves, the old one can go"})
		}
	}
	candidates = order(&s.Set.Spec.UpdateStrategy, candidates)
	keep := min(partition(s.Set.Spec.UpdateStrategy.Partition, len(s.Matched)), len(candidates))
	p.Kept += keep
	return p.choose(s, set, b, candidates[:len(candidates)-keep])
}

// choose takes candidates in order while the budget lasts. A Pod that does not
// serve anyway costs nothing; one whose earlier update is still under way waits
// for its end.
func (p *Plan) choose(s *Snapshot, set *sidecar.Set, b *budget, candidates []candidate) error {
	for _, c := range candidates {
		update := UpdatePod{View: c.View, Free: !c.Ready(), Reason: "it is not ready, so nothing is lost"}
		switch {
		case c.Ready() && !c.Settled(s.Set):
			p.Waiting++
			continue
		case c.Ready() && charged(s, c.View) && b.restartCharged():
			update.Reason = "its last upgrade is not at its end, so it is counted already"
			b.restart(c.View)
		case c.Ready() && (charged(s, c.View) || !b.take()):
			p.Hold = HoldBudget
			p.Waiting++
			continue
		case c.Ready():
			update.Reason = "its turn has come"
		}
		var err error
		if update.Change, err = set.Update(c.View, c.resized, metav1.NewTime(s.Now)); err != nil {
			return fmt.Errorf("update of Pod %s: %w", podName(c.Pod), err)
		}
		p.Updates = append(p.Updates, update)
	}
	return nil
}

func podName(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }
