// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/report"
)

// makeReport says what is to be told of a look at a set.
func makeReport(s *Snapshot, plan *Plan, outcome *Outcome) *loop.Report {
	status, deadline := makeStatus(s, plan, outcome)
	r := statusReport(s.Set, status)
	r.Urgent = urgent(&s.Set.Status, status)
	r.Pods = countPods(s, plan, status)
	r.Events = roundEvents(s, plan, outcome)
	r.RequeueAfter = report.Soonest(deadline, plan.RequeueAfter, s.remedyIn(), outcome.requeueAfter(), outcome.PullIn)
	r.Retry = outcome.retry()
	return r
}

// statusReport is the report that a set gets a status.
func statusReport(set *v1beta1.StatefulSet, status *v1beta1.StatefulSetStatus) *loop.Report {
	updated := *set
	updated.Status = *status
	return &loop.Report{
		Object: set, Updated: &updated, Before: set.Status.Conditions, After: status.Conditions,
		News: report.Transition(standingIn(&set.Status), standingIn(status)),
	}
}

// urgent reports whether a status is to be written at once: it speaks of another generation, of another revision that
// Pods are made from, or of a name that is not to be tried again.
func urgent(before, after *v1beta1.StatefulSetStatus) bool {
	return before.ObservedGeneration != after.ObservedGeneration ||
		before.CurrentRevision != after.CurrentRevision || before.UpdateRevision != after.UpdateRevision ||
		ptr.Deref(before.CollisionCount, 0) != ptr.Deref(after.CollisionCount, 0)
}
