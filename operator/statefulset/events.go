// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"strings"

	"github.com/windlass-operator/windlass/operator/pullers"
	"github.com/windlass-operator/windlass/operator/report"
)

// Reasons of events on StatefulSets.
const (
	eventCreated       = "SuccessfulCreate"
	eventDeleted       = "SuccessfulDelete"
	eventUpdated       = "SuccessfulUpdatePodInPlace"
	eventResized       = "SuccessfulResize"
	eventAdopted       = "Adopted"
	eventReleased      = "Released"
	eventNotUpgradable = "NotUpgradablePods"
	eventCreateFailed  = "FailedCreate"
	eventDeleteFailed  = "FailedDelete"
	eventUpdateFailed  = "FailedUpdate"
	eventInPlaceFailed = "FailedUpdatePodInPlace"
	eventClaimFailed   = "FailedUpdatePVC"
	eventHookTimeout   = "HookTimeout"
)

// roundEvents tell what a round did, in one event for each kind of result.
func roundEvents(s *Snapshot, plan *Plan, outcome *Outcome) []report.Event {
	return append(successes(s, plan, outcome), warnings(plan, outcome)...)
}

func successes(s *Snapshot, plan *Plan, outcome *Outcome) (out []report.Event) {
	tell := func(n int, reason, action, format string, args ...any) {
		if n > 0 {
			out = append(out, report.Normal(reason, action, fmt.Sprintf(format, args...)))
		}
	}
	adopted, released := owned(outcome, true), owned(outcome, false)
	tell(len(adopted), eventAdopted, "Adopt", "Adopted %s", report.Some("Pod", adopted))
	tell(len(released), eventReleased, "Release", "Released %s: name or labels are no longer those of the set", report.Some("Pod", released))
	if n := len(outcome.Deleted); n > 0 {
		tell(n, eventDeleted, "Delete", "Deleted %s: %s", somePods(outcome.Deleted, DeletePod.name), outcome.Deleted[0].Reason)
	}
	if updated := updatedInPlace(outcome); len(updated) > 0 {
		tell(len(updated), eventUpdated, "Update", "Updated %s in place: %s", somePods(updated, ChangePod.name), updated[0].Reason)
	}
	if resized := resized(outcome); len(resized) > 0 {
		claims := report.Some("claim", report.NamesOf(resized, ChangeClaim.name))
		tell(len(resized), eventResized, "Resize", "Asked for more storage for %s: %s", claims, resized[0].Reason)
	}
	tell(len(outcome.Created), eventCreated, "Create", "Created %s", somePods(outcome.Created, CreatePod.name))
	if s.Set.Status.ObservedGeneration != s.Set.Generation {
		tell(len(plan.Rollout.Recreated), eventNotUpgradable, "Update",
			"Pods are made anew, since this cannot change in a running Pod: %s", strings.Join(plan.Rollout.Recreated, ", "))
	}
	return out
}

func warnings(plan *Plan, outcome *Outcome) (out []report.Event) {
	for _, each := range []struct {
		reason, action string
		errs           []error
	}{
		{eventCreateFailed, "Create", outcome.CreateErrors},
		{eventDeleteFailed, "Delete", outcome.DeleteErrors},
		{eventClaimFailed, "Resize", outcome.ClaimErrors},
		{eventInPlaceFailed, "Update", outcome.InPlaceErrors},
		{eventUpdateFailed, "Update", outcome.UpdateErrors},
	} {
		if len(each.errs) > 0 {
			out = append(out, report.Warning(each.reason, each.action, refusals(each.errs)))
		}
	}
	out = append(out, pullers.Events(&plan.Pulls)...)
	out = append(out, timeouts(plan)...)
	if len(plan.Rollout.NotUpgradable) > 0 {
		out = append(out, report.Warning(eventInPlaceFailed, "Update", notUpgradable(&plan.Rollout)))
	}
	if len(plan.Rollout.Unexpandable) > 0 {
		out = append(out, report.Warning(eventClaimFailed, "Resize", unexpandable(&plan.Rollout)))
	}
	return out
}

// timeouts tell the set, and each Pod, what a hook did not do in time.
func timeouts(plan *Plan) (out []report.Event) {
	for _, t := range plan.Rollout.HookTimeouts {
		aboutPod := report.Warning(eventHookTimeout, "Update", t.Words)
		aboutPod.About, aboutPod.Topic = t.Pod, eventHookTimeout+" "+t.Pod.Name
		out = append(out, report.Warning(eventHookTimeout, "Update", t.Words), aboutPod)
	}
	return out
}

// somePods names the Pod of the first action and counts the others.
func somePods[T any](actions []T, name func(T) string) string {
	return report.Some("Pod", report.NamesOf(actions, name))
}
