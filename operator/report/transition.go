// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Reasons of the events that tell people of a rollout.
const (
	EventRolloutStarted   = "RolloutStarted"
	EventRolloutCompleted = "RolloutCompleted"
	EventRolloutStalled   = "RolloutStalled"
	EventPaused           = "Paused"
	EventResumed          = "Resumed"
	EventAutoPaused       = "AutoPaused"
	EventPodsNotInjected  = "PodsNotInjected"
)

// actionLook is the action of the events that a look at an object leads to.
const actionLook = "Look"

// Standing is what a status says of a rollout.
type Standing struct {
	// Target is the revision that the rollout goes to, Completed the one that it came to last; "" before there is one.
	Target, Completed string
	PausedSince       *metav1.Time
	Conditions        []metav1.Condition
}

// Transition lists the events that tell people how a rollout got from one standing to another. The same two standings
// give the same events, so whoever asks once for each status that was written says nothing twice, after a restart
// neither.
func Transition(before, after Standing) []Event {
	return slices.Concat(paused(before, after), started(before, after), stalled(before, after), injected(before, after),
		completed(before, after))
}

func paused(before, after Standing) []Event {
	switch {
	case before.PausedSince == nil && after.PausedSince != nil:
		return []Event{Normal(EventPaused, actionLook, "Updates of running Pods are paused")}
	case before.PausedSince != nil && after.PausedSince == nil:
		return []Event{Normal(EventResumed, actionLook, "Updates of running Pods go on")}
	}
	return nil
}

// started: the first revision of an object is no rollout, and there is nothing to roll out where a new one is the
// completed one at once.
func started(before, after Standing) []Event {
	if before.Target == "" || before.Target == after.Target || after.Completed == after.Target {
		return nil
	}
	note := fmt.Sprintf("Rolling out revision %s; it was %s before", after.Target, before.Target)
	return []Event{Normal(EventRolloutStarted, actionLook, note)}
}

func completed(before, after Standing) []Event {
	if before.Completed == "" || before.Completed == after.Completed || before.Target != after.Target || after.Completed != after.Target {
		return nil
	}
	note := fmt.Sprintf("Revision %s is rolled out. %s", after.Target, message(after, v1beta1.ConditionReady))
	return []Event{Normal(EventRolloutCompleted, actionLook, note)}
}

func stalled(before, after Standing) []Event {
	was, is := reasonIfTrue(before.Conditions, v1beta1.ConditionStalled), reasonIfTrue(after.Conditions, v1beta1.ConditionStalled)
	if is == "" || is == was {
		return nil
	}
	reason := EventRolloutStalled
	if is == v1beta1.ReasonAutoPaused {
		reason = EventAutoPaused
	}
	return []Event{Warning(reason, actionLook, message(after, v1beta1.ConditionReady))}
}

func injected(before, after Standing) []Event {
	is := meta.FindStatusCondition(after.Conditions, v1beta1.ConditionInjected)
	if meta.IsStatusConditionFalse(before.Conditions, v1beta1.ConditionInjected) || is == nil || is.Reason != v1beta1.ReasonPodsNotInjected {
		return nil
	}
	return []Event{Warning(EventPodsNotInjected, actionLook, message(after, v1beta1.ConditionInjected))}
}

func message(s Standing, kind string) string {
	if c := meta.FindStatusCondition(s.Conditions, kind); c != nil {
		return c.Message
	}
	return ""
}

func reasonIfTrue(conditions []metav1.Condition, kind string) string {
	if c := meta.FindStatusCondition(conditions, kind); c != nil && c.Status == metav1.ConditionTrue {
		return c.Reason
	}
	return ""
}

// Changes lists the conditions Ready and Stalled of after whose status or reason is not that of before, for the log.
// One that is gone is False.
func Changes(before, after []metav1.Condition) []metav1.Condition {
	var out []metav1.Condition
	for _, kind := range []string{v1beta1.ConditionReady, v1beta1.ConditionStalled} {
		was, is := meta.FindStatusCondition(before, kind), meta.FindStatusCondition(after, kind)
		switch {
		case is != nil && (was == nil || was.Status != is.Status || was.Reason != is.Reason):
			out = append(out, *is)
		case is == nil && was != nil:
			out = append(out, metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: was.Reason})
		}
	}
	return out
}
