// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSetConditions(t *testing.T) {
	then, now := metav1.Unix(1000, 0), metav1.Unix(2000, 0)
	before := []metav1.Condition{
		{Type: "Ready", Status: "False", Reason: "Waits", Message: "1 of 3", ObservedGeneration: 1, LastTransitionTime: then},
		{Type: "Available", Status: "True", Reason: "Enough", Message: "3 of 3", ObservedGeneration: 1, LastTransitionTime: then},
		{Type: "Reconciling", Status: "True", Reason: "Waits", Message: "1 of 3", ObservedGeneration: 1, LastTransitionTime: then},
		{Type: "Ours", Status: "True", Reason: "Else", Message: "is kept", ObservedGeneration: 1, LastTransitionTime: then},
	}
	SetConditions(&before, 2, now,
		Condition{"Ready", True("Complete", strings.Repeat("x", 2000))},
		Condition{"Available", True("Enough", "4 of 4")},
		Condition{"Reconciling", nil},
		Condition{"Stalled", nil})
	want := []metav1.Condition{
		{Type: "Ready", Status: "True", Reason: "Complete", Message: strings.Repeat("x", 1021) + "...", ObservedGeneration: 2, LastTransitionTime: now},
		{Type: "Available", Status: "True", Reason: "Enough", Message: "4 of 4", ObservedGeneration: 2, LastTransitionTime: then},
		{Type: "Ours", Status: "True", Reason: "Else", Message: "is kept", ObservedGeneration: 1, LastTransitionTime: then},
	}
	if diff := cmp.Diff(want, before); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func TestConditionsOfWhatCannotBeUsed(t *testing.T) {
	now := metav1.Unix(2000, 0)
	conditions := []metav1.Condition{{Type: "Reconciling", Status: "True", Reason: "Waits", LastTransitionTime: now}}
	SetConditions(&conditions, 3, now, InvalidSpec("spec.selector: it is wrong", "it is wrong", "Progressing")...)
	var got []string
	for _, c := range conditions {
		got = append(got, c.Type+" "+string(c.Status)+" "+c.Reason+": "+c.Message)
	}
	want := []string{
		"Ready False InvalidSpec: spec.selector: it is wrong",
		"Progressing False InvalidSpec: Nothing is done until the spec is corrected.",
		"Stalled True InvalidSpec: it is wrong",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}
