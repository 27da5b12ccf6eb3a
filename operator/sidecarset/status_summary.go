// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// summarize writes what the column STATUS shows, once everything else of the status is made.
func summarize(status *v1beta1.SidecarSetStatus, s *Snapshot, p *progress) {
	before := report.Summary{Text: status.Summary, Since: status.SummarySince}
	next := before.Next(column(status, s, p), metav1.NewTime(s.Now))
	status.Summary, status.SummarySince = next.Text, next.Since
	switch {
	case !s.Set.Spec.UpdateStrategy.Paused:
		status.PausedSince = nil
	case status.PausedSince == nil:
		status.PausedSince = ptr.To(metav1.NewTime(s.Now))
	}
	if p.complete() {
		status.CompletedRevision = status.LatestRevision
	}
}

// complete reports whether no Pod is left that the rollout could bring to the current version.
func (p *progress) complete() bool {
	return !p.working() && !p.overdue && p.plan.Hold == HoldNone && p.plan.Kept == 0
}

// column is the first of these that holds: what needs a person, what goes on, where it rests, and what is not as it
// should be although it is done.
func column(status *v1beta1.SidecarSetStatus, s *Snapshot, p *progress) string {
	ready := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady)
	switch {
	case meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled):
		return report.WithCause("Stalled", p.cause(ready.Reason))
	case p.plan.Hold == HoldPaused:
		return v1beta1.ReasonPaused
	case p.working():
		wanted := len(s.Matched) - p.plan.Kept - len(p.plan.NotUpgradable)
		return report.WithCause(fmt.Sprintf("Rolling %d/%d", min(p.updatedReady, wanted), wanted), p.cause(""))
	case !p.complete():
		return ready.Reason
	case uninjected(s) > 0:
		return fmt.Sprintf("Uninjected %d", uninjected(s))
	case p.plan.limited() > 0:
		return fmt.Sprintf("Limited %d", p.plan.limited())
	case len(s.Matched) == 0:
		return v1beta1.ReasonNoPods
	}
	return ready.Reason
}

// limited counts the Pods that stay without a part of the current version.
func (p *Plan) limited() int { return len(p.NotUpgradable) + len(p.HeldResizes.limited()) }

// cause is what keeps a Pod from the current version, in one word.
func (p *progress) cause(otherwise string) string {
	switch {
	case p.plan.Broken != nil:
		return p.plan.Broken.Reason
	case len(p.refused) > 0:
		return "Refused"
	}
	return otherwise
}

// uninjected counts the Pods that should have the sidecars and have not.
func uninjected(s *Snapshot) int {
	w := sortWithout(s)
	return len(w.helped) + len(w.blocked)
}

// standingOf is what events for people are made from.
func standingOf(status *v1beta1.SidecarSetStatus) report.Standing {
	return report.Standing{
		Target: status.LatestRevision, Completed: status.CompletedRevision,
		PausedSince: status.PausedSince, Conditions: status.Conditions,
	}
}
