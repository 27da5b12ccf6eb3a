// SPDX-License-Identifier: Apache-2.0

package report

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Condition is a condition that a controller keeps. One that is true only while something is unusual has no value when
// it is over, and is removed then.
type Condition struct {
	Type  string
	Value *metav1.Condition
}

// SetConditions sets or removes conditions, as they are of a generation now. A message is cut to MaxMessage bytes. A
// transition time moves only when a status does.
func SetConditions(conditions *[]metav1.Condition, generation int64, now metav1.Time, list ...Condition) {
	for _, each := range list {
		if each.Value == nil {
			meta.RemoveStatusCondition(conditions, each.Type)
			continue
		}
		c := *each.Value
		c.Type, c.Message = each.Type, Message(c.Message)
		c.ObservedGeneration, c.LastTransitionTime = generation, now
		meta.SetStatusCondition(conditions, c)
	}
}

// True is a condition that holds.
func True(reason, message string) *metav1.Condition { return If(true, reason, message) }

// False is a condition that does not hold.
func False(reason, message string) *metav1.Condition { return If(false, reason, message) }

// If is a condition that holds or does not.
func If(holds bool, reason, message string) *metav1.Condition {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	return &metav1.Condition{Status: status, Reason: reason, Message: message}
}

// InvalidSpec are the conditions of an object that cannot be used until a person corrects it. Ready has the whole of
// it, Stalled the first of it; idle are further conditions that say that nothing is done.
func InvalidSpec(ready, stalled string, idle ...string) []Condition {
	out := []Condition{
		{v1beta1.ConditionReconciling, nil},
		{v1beta1.ConditionReady, False(v1beta1.ReasonInvalidSpec, ready)},
	}
	for _, kind := range idle {
		out = append(out, Condition{kind, False(v1beta1.ReasonInvalidSpec, "Nothing is done until the spec is corrected.")})
	}
	return append(out, Condition{v1beta1.ConditionStalled, True(v1beta1.ReasonInvalidSpec, stalled)})
}
