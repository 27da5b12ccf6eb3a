// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

func TestStatusEvents(t *testing.T) {
	status := func(skipped int32, ready metav1.ConditionStatus, reason string, stalled bool) *v1alpha1.SchedPatchStatus {
		out := &v1alpha1.SchedPatchStatus{SkippedPods: skipped, Conditions: []metav1.Condition{
			{Type: v1beta1.ConditionReady, Status: ready, Reason: reason, Message: "words of " + reason},
		}}
		if stalled {
			out.Conditions = append(out.Conditions, metav1.Condition{Type: v1beta1.ConditionStalled, Status: metav1.ConditionTrue})
		}
		return out
	}
	active := status(1, metav1.ConditionTrue, v1beta1.ReasonActive, false)
	for name, test := range map[string]struct {
		before, after *v1alpha1.SchedPatchStatus
		want          []report.Event
	}{
		"the first look": {&v1alpha1.SchedPatchStatus{}, active,
			[]report.Event{report.Normal("Active", "Look", "words of Active")}},
		"nothing has changed": {active, active, nil},
		"a person has to act": {active, status(1, metav1.ConditionFalse, v1beta1.ReasonConflict, true),
			[]report.Event{report.Warning("Conflict", "Look", "words of Conflict")}},
		"new Pods find no node": {active, status(1, metav1.ConditionFalse, v1beta1.ReasonNoEligibleNodes, false),
			[]report.Event{report.Warning("NoEligibleNodes", "Look", "words of NoEligibleNodes")}},
		"more Pods are skipped": {active, status(2, metav1.ConditionTrue, v1beta1.ReasonActive, false),
			[]report.Event{{Kind: "Warning", Reason: "PodsSkipped", Action: "Look", Note: "words of Active", Topic: "PodsSkipped"}}},
		"fewer Pods are skipped": {active, status(0, metav1.ConditionTrue, v1beta1.ReasonActive, false), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, statusEvents(test.before, test.after)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
