// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// Reasons of events on SchedPatches, beside those of their Ready condition.
const (
	eventSkipped = "PodsSkipped"
	eventDeleted = "ExpiredDeleted"
)

// statusEvents tell what has changed since the status before, once.
func statusEvents(before, after *v1alpha1.SchedPatchStatus) []report.Event {
	was := meta.FindStatusCondition(before.Conditions, v1beta1.ConditionReady)
	ready := meta.FindStatusCondition(after.Conditions, v1beta1.ConditionReady)
	switch {
	case was == nil || was.Reason != ready.Reason:
		if ready.Reason == v1beta1.ReasonNoEligibleNodes || meta.IsStatusConditionTrue(after.Conditions, v1beta1.ConditionStalled) {
			return []report.Event{report.Warning(ready.Reason, "Look", ready.Message)}
		}
		return []report.Event{report.Normal(ready.Reason, "Look", ready.Message)}
	case after.SkippedPods > before.SkippedPods:
		skipped := report.Warning(eventSkipped, "Look", ready.Message)
		skipped.Topic = eventSkipped // the message names Pods, which come one by one
		return []report.Event{skipped}
	}
	return nil
}

// deletionEvent tells of a patch that nobody needs any more.
func deletionEvent(plan *Plan) report.Event {
	return report.Normal(eventDeleted, "Delete", "Deleted: "+plan.Reason)
}
