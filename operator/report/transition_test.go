// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func condition(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: reason + " it is."}
}

func TestTransition(t *testing.T) {
	long := metav1.Unix(1000, 0)
	ready := func(reason string) metav1.Condition {
		return condition(v1beta1.ConditionReady, metav1.ConditionFalse, reason)
	}
	stalledFor := func(reason string) []metav1.Condition {
		return []metav1.Condition{ready(reason), condition(v1beta1.ConditionStalled, metav1.ConditionTrue, reason)}
	}
	missing := []metav1.Condition{condition(v1beta1.ConditionInjected, metav1.ConditionFalse, "PodsNotInjected")}
	for name, test := range map[string]struct {
		before, after Standing
		want          []Event
	}{
		"a new object": {Standing{}, Standing{Target: "a-1", Completed: "a-1"}, nil},
		"nothing changes": {
			Standing{Target: "a-2", Completed: "a-1", PausedSince: &long, Conditions: stalledFor("AutoPaused")},
			Standing{Target: "a-2", Completed: "a-1", PausedSince: &long, Conditions: stalledFor("AutoPaused")}, nil,
		},
		"a rollout begins": {
			Standing{Target: "a-1", Completed: "a-1"}, Standing{Target: "a-2", Completed: "a-1"},
			[]Event{Normal("RolloutStarted", "Look", "Rolling out revision a-2; it was a-1 before")},
		},
		"the target changes in mid-rollout": {
			Standing{Target: "a-2", Completed: "a-1"}, Standing{Target: "a-3", Completed: "a-1"},
			[]Event{Normal("RolloutStarted", "Look", "Rolling out revision a-3; it was a-2 before")},
		},
		"a rollout ends": {
			Standing{Target: "a-2", Completed: "a-1"}, Standing{Target: "a-2", Completed: "a-2", Conditions: []metav1.Condition{ready("Complete")}},
			[]Event{Normal("RolloutCompleted", "Look", "Revision a-2 is rolled out. Complete it is.")},
		},
		"a change that no Pod has to follow":              {Standing{Target: "a-1", Completed: "a-1"}, Standing{Target: "a-2", Completed: "a-2"}, nil},
		"an object that an earlier version left complete": {Standing{Target: "a-1"}, Standing{Target: "a-1", Completed: "a-1"}, nil},
		"it gets stuck": {
			Standing{}, Standing{Conditions: stalledFor("ProgressDeadlineExceeded")},
			[]Event{Warning("RolloutStalled", "Look", "ProgressDeadlineExceeded it is.")},
		},
		"it is stuck for another reason": {
			Standing{Conditions: stalledFor("ProgressDeadlineExceeded")}, Standing{Conditions: stalledFor("InvalidSpec")},
			[]Event{Warning("RolloutStalled", "Look", "InvalidSpec it is.")},
		},
		"it rests after a failure": {
			Standing{}, Standing{Conditions: stalledFor("AutoPaused")},
			[]Event{Warning("AutoPaused", "Look", "AutoPaused it is.")},
		},
		"somebody pauses it":              {Standing{}, Standing{PausedSince: &long}, []Event{Normal("Paused", "Look", "Updates of running Pods are paused")}},
		"somebody lets it go on":          {Standing{PausedSince: &long}, Standing{}, []Event{Normal("Resumed", "Look", "Updates of running Pods go on")}},
		"Pods turn up without sidecars":   {Standing{}, Standing{Conditions: missing}, []Event{Warning("PodsNotInjected", "Look", "PodsNotInjected it is.")}},
		"Pods are without sidecars still": {Standing{Conditions: missing}, Standing{Conditions: missing}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Transition(test.before, test.after)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	type conditions []metav1.Condition
	waits := condition(v1beta1.ConditionReady, metav1.ConditionFalse, "PodsUpdating")
	done := condition(v1beta1.ConditionReady, metav1.ConditionTrue, "Complete")
	stuck := condition(v1beta1.ConditionStalled, metav1.ConditionTrue, "AutoPaused")
	other := condition(v1beta1.ConditionProgressing, metav1.ConditionTrue, "Complete")
	for name, test := range map[string]struct{ before, after, want conditions }{
		"the first status":        {nil, conditions{done, other}, conditions{done}},
		"only a message changes":  {conditions{waits}, conditions{{Type: "Ready", Status: "False", Reason: "PodsUpdating", Message: "2 of 3"}}, nil},
		"it is done":              {conditions{waits}, conditions{done}, conditions{done}},
		"it gets stuck":           {conditions{waits}, conditions{waits, stuck}, conditions{stuck}},
		"it is stuck no longer":   {conditions{waits, stuck}, conditions{waits}, conditions{{Type: "Stalled", Status: "False", Reason: "AutoPaused"}}},
		"another condition flips": {conditions{done}, conditions{done, other}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, conditions(Changes(test.before, test.after))); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}
