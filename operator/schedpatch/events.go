// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Reasons of events on SchedPatches, beside those of their Ready condition.
const (
	eventSkipped = "PodsSkipped"
	eventDeleted = "ExpiredDeleted"
)

// record tells what has changed since the status before, once.
func (r *reconciler) record(s *Snapshot, status *v1alpha1.SchedPatchStatus) {
	before, after := &s.Object.Status, status
	ready := meta.FindStatusCondition(after.Conditions, v1beta1.ConditionReady)
	was := meta.FindStatusCondition(before.Conditions, v1beta1.ConditionReady)
	if was == nil || was.Reason != ready.Reason {
		kind := corev1.EventTypeNormal
		if ready.Reason == v1beta1.ReasonNoEligibleNodes || meta.IsStatusConditionTrue(after.Conditions, v1beta1.ConditionStalled) {
			kind = corev1.EventTypeWarning
		}
		r.recorder.Eventf(s.Object, nil, kind, ready.Reason, "Look", "%s", ready.Message)
	} else if after.SkippedPods > before.SkippedPods {
		r.recorder.Eventf(s.Object, nil, corev1.EventTypeWarning, eventSkipped, "Look", "%s", ready.Message)
	}
}

// recordDeletion tells of a patch that nobody needs any more.
func (r *reconciler) recordDeletion(s *Snapshot, plan *Plan) {
	r.recorder.Eventf(s.Object, nil, corev1.EventTypeNormal, eventDeleted, "Delete", "Deleted: %s", plan.Reason)
}
