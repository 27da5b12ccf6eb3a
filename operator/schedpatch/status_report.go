// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/report"
)

// makeReport says what is to be told of a look at a patch. One that is gone, or is not what was looked at, gets no
// status.
func makeReport(s *Snapshot, plan *Plan, outcome *Outcome) *loop.Report {
	switch {
	case outcome.Deleted:
		return &loop.Report{Object: s.Object, Events: []report.Event{deletionEvent(plan)}}
	case outcome.Stale:
		return &loop.Report{Object: s.Object, RequeueAfter: lookInterval}
	}
	r := reportOf(s.Object, makeStatus(s, plan))
	r.RequeueAfter, r.Retry = plan.RequeueAfter, outcome.Err
	return r
}

// reportOf is the report that a patch gets a status.
func reportOf(patch *v1alpha1.SchedPatch, status *v1alpha1.SchedPatchStatus) *loop.Report {
	updated := *patch
	updated.Status = *status
	return &loop.Report{
		Object: patch, Updated: &updated, Before: patch.Status.Conditions, After: status.Conditions,
		News: statusEvents(&patch.Status, status),
	}
}
