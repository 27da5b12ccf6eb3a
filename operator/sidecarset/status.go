// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"math"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/refusal"
	"github.com/windlass-operator/windlass/operator/report"
)

// makeStatus computes the whole status from what was seen, what was planned and what became of it. It also returns
// when the progress deadline will have passed, 0 when nothing runs against it.
func makeStatus(s *Snapshot, plan *Plan, outcome *Outcome) (*v1beta1.SidecarSetStatus, time.Duration) {
	status, plan := s.Set.Object.Status.DeepCopy(), plan.without(outcome.Refused)
	status.ObservedGeneration = s.Set.Object.Generation
	status.LatestRevision, status.CollisionCount = plan.Revisions.Current, plan.Revisions.Collisions
	if outcome.Collided {
		status.CollisionCount = ptr.To(ptr.Deref(plan.Revisions.Collisions, 0) + 1)
	}
	status.AutoPausedRevision = autoPaused(s, plan)
	fillCounters(status, s, outcome)
	status.Uninjected, status.Waiting = listUninjected(s), listWaiting(plan)
	p := newProgress(s, plan, outcome)
	p.updated, p.updatedReady = int(status.UpdatedPods), int(status.UpdatedReadyPods)
	status.LastProgressTime = lastProgress(s, status, p)
	deadline := p.watch(s, status.LastProgressTime)
	report.SetConditions(&status.Conditions, s.Set.Object.Generation, metav1.NewTime(s.Now), conditions(s, p)...)
	summarize(status, s, p)
	return status, deadline
}

// autoPaused names the revision at which the rollout was set to rest.
func autoPaused(s *Snapshot, plan *Plan) string {
	before := s.Set.Object.Status.AutoPausedRevision
	switch {
	case !s.Set.Spec.UpdateStrategy.AutoPauseOnFailure:
		return ""
	case failing(s, plan.Failed) || before == plan.Revisions.Current:
		return plan.Revisions.Current
	}
	return ""
}

// fillCounters counts Pods. Pods just updated count as updated and, until the kubelet says otherwise, as not ready.
func fillCounters(status *v1beta1.SidecarSetStatus, s *Snapshot, outcome *Outcome) {
	just := map[*sidecar.View]bool{}
	for _, u := range outcome.Updated {
		just[u.View] = true
	}
	status.MatchedPods = int32(len(s.Matched))
	status.UninjectedPods = int32(len(s.Uninjected))
	status.UpdatedPods, status.ReadyPods, status.UpdatedReadyPods = 0, 0, 0
	for _, view := range s.Matched {
		updated := just[view] || view.Updated()
		ready := !just[view] && view.Ready() && view.Settled() && view.HotFinished() && !view.Begun() && !view.Unhooked() &&
			s.settling(view) == 0
		if updated {
			status.UpdatedPods++
		}
		if ready {
			status.ReadyPods++
		}
		if updated && ready {
			status.UpdatedReadyPods++
		}
	}
}

// progress is where the rollout stands.
type progress struct {
	plan    *Plan
	outcome *Outcome
	// underway are Pods that were brought to the current version and whose sidecars are not serving yet. A Pod that was
	// created with it is its owner's concern: it starts, or does not, for reasons of its own.
	underway []string
	// none says why no live Pod is to have the sidecars, unserved why none ever will; both are "" for an ordinary set.
	none, unserved string
	// updated is how many Pods are at the current version, updatedReady how many of them are ready.
	updated, updatedReady int
	// refused are Pods of which the API server refuses a change.
	refused []RefusedPod
	// overdue tells that nothing has moved for longer than the deadline, which is deadlineSeconds.
	overdue         bool
	deadlineSeconds int32
}

// newProgress works out how far a rollout is.
func newProgress(s *Snapshot, plan *Plan, outcome *Outcome) *progress {
	p := &progress{plan: plan, outcome: outcome, none: noPods(s), unserved: unserved(s)}
	// A Pod that drains, or is on its way to minReadySeconds, is no lack of progress.
	strategy := &s.Set.Spec.UpdateStrategy
	seconds := int64(ptr.Deref(s.Set.Spec.ProgressDeadlineSeconds, 600)) + int64(strategy.GracePeriodSeconds) + int64(strategy.MinReadySeconds)
	p.deadlineSeconds = int32(min(seconds, math.MaxInt32)) // the largest number says that there is none
	p.refused = append(p.refused, plan.Refused...)
	for _, refused := range outcome.Refused {
		switch {
		case !refused.infeasible():
			p.refused = append(p.refused, RefusedPod{refused.View, refusal.Words(refused.Err)})
		case refused.View.ResizeRefused() == "" || !refused.View.Updated():
			p.underway = append(p.underway, podName(refused.View.Pod)) // the next look goes on without it
		}
	}
	for _, u := range outcome.Updated {
		p.underway = append(p.underway, podName(u.View.Pod))
	}
	elsewhere := map[*sidecar.View]bool{}
	for _, excused := range plan.Excused {
		elsewhere[excused.View] = excused.Stuck
	}
	for _, refused := range p.refused {
		elsewhere[refused.View] = refused.View.CarriedOut()
	}
	for _, view := range s.Matched {
		if view.Updated() && view.Touched() && (!p.arrived(view) || s.settling(view) > 0) && !elsewhere[view] {
			p.underway = append(p.underway, podName(view.Pod))
		}
	}
	slices.Sort(p.underway)
	p.underway = slices.Compact(p.underway)
	return p
}

// arrived reports whether the sidecars of an updated Pod serve. A rollout that rests ends no hot upgrade, so there it
// is enough that the new container does.
func (p *progress) arrived(view *sidecar.View) bool {
	return view.Settled() && view.SidecarsReady() && !view.Begun() && !view.Unhooked() && (p.resting() || view.HotFinished())
}

// resting reports whether the rollout stands where somebody wants it to stand: no more Pods are updated. Those that
// were updated last may still be on their way.
func (p *progress) resting() bool {
	return p.plan.Hold == HoldPaused || p.plan.Hold == HoldNotUpdate || p.plan.Hold == HoldAutoPaused
}

// stuck reports whether the rollout cannot go on by itself, or only when something outside has changed.
func (p *progress) stuck() bool {
	return p.overdue || p.plan.Hold == HoldAutoPaused || p.unserved != "" || p.missing() != ""
}

// working reports whether there is more to do, now or soon.
func (p *progress) working() bool {
	return len(p.outcome.Failed) > 0 || p.outcome.Stale > 0 || p.outcome.Unrecorded || len(p.refused) > 0 ||
		len(p.underway) > 0 && p.plan.Hold != HoldAutoPaused || slices.ContainsFunc(p.plan.Waiting, func(w Wait) bool { return !w.resting() })
}

// lastProgress is when the rollout last moved: a Pod was written to, one came back, or there is a new version. It is
// kept while nothing is to be done.
func lastProgress(s *Snapshot, status *v1beta1.SidecarSetStatus, p *progress) *metav1.Time {
	before := &s.Set.Object.Status
	moved := before.LastProgressTime == nil || before.LatestRevision != status.LatestRevision ||
		before.ObservedGeneration != status.ObservedGeneration ||
		status.UpdatedReadyPods > before.UpdatedReadyPods || status.UpdatedPods > before.UpdatedPods ||
		len(p.outcome.Finished) > 0 || !meta.IsStatusConditionTrue(before.Conditions, v1beta1.ConditionReconciling) &&
		!meta.IsStatusConditionTrue(before.Conditions, v1beta1.ConditionStalled)
	if p.working() && moved {
		return ptr.To(report.WholeSecond(s.Now))
	}
	return before.LastProgressTime
}

// watch compares the time since the last progress with the deadline. It returns what is left, 0 when nothing runs
// against it.
func (p *progress) watch(s *Snapshot, last *metav1.Time) (left time.Duration) {
	if p.working() && last != nil {
		left, p.overdue = report.Deadline(p.deadlineSeconds, *last, s.Now)
	}
	return left
}
