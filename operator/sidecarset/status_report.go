// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"time"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/report"
)

const (
	// collided is how long the next name of a revision waits for its try.
	collided = time.Second
	// eachTry is how much time is left to others for each refused write when there is nothing else to try than what
	// was, or probably is, refused too.
	eachTry = 200 * time.Millisecond
	// unblocked is how long to wait at most while Pods take up shares of maxUnavailable, or PodDisruptionBudgets allow
	// none: what became of a Pod's node brings no event of its own, nor do Pods of others that a budget counts.
	unblocked = 30 * time.Second
	// overtaken is when to plan anew after somebody else has taken from the same budget.
	overtaken = 200 * time.Millisecond
)

// makeReport says what is to be told of a look at a set.
func makeReport(s *Snapshot, plan *Plan, outcome *Outcome) *loop.Report {
	set := s.Set.Object
	status, deadline := makeStatus(s, plan, outcome)
	r := statusReport(set, status)
	r.Urgent = set.Status.ObservedGeneration != set.Generation
	r.Pods = countPods(s, plan, status)
	r.Events = roundEvents(s, plan, outcome)
	r.RequeueAfter = report.Soonest(deadline, repairIn(plan, outcome), plan.StatusIn, plan.HookIn, plan.SettleIn, retryIn(s, plan, outcome),
		plan.Pulls.In, outcome.PullIn)
	r.Retry = outcome.Err()
	return r
}

// statusReport is the report that a set gets a status.
func statusReport(set *v1beta1.SidecarSet, status *v1beta1.SidecarSetStatus) *loop.Report {
	updated := *set
	updated.Status = *status
	return &loop.Report{
		Object: set, Updated: &updated, Before: set.Status.Conditions, After: status.Conditions,
		News: report.Transition(standingOf(&set.Status), standingOf(status)),
	}
}

// repairIn is when repair may be able to go on though nothing happens to the Pods, 0 when it is not held up.
func repairIn(plan *Plan, outcome *Outcome) time.Duration {
	if len(outcome.Kept) > 0 {
		return repairEvery
	}
	return plan.RepairIn
}

// retryIn is when to look again though nothing happens, because of what the API server refused; 0 for never. A refused
// Pod gives its turn to the next one at once.
func retryIn(s *Snapshot, plan *Plan, outcome *Outcome) time.Duration {
	due := s.Refusals.DueIn(s.Now)
	switch n := len(outcome.Refused); {
	case outcome.Collided:
		return collided
	case n > 0 && plan.Elsewhere > 0:
		return time.Millisecond
	case n > 0:
		return time.Duration(n) * eachTry
	case outcome.Overtaken > 0:
		return overtaken
	case plan.lookAgain():
		return report.Soonest(due, unblocked)
	}
	return due
}
