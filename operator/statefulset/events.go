// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
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
)

// announcement is an event that is about to be recorded.
type announcement struct {
	kind, reason, action, note string
}

// record tells what a round did, in one event for each kind of result.
func (r *reconciler) record(s *Snapshot, plan *Plan, outcome *Outcome) {
	key := client.ObjectKeyFromObject(s.Set)
	for _, a := range announcements(s, plan, outcome) {
		if a.kind == corev1.EventTypeWarning && !r.repeats.First(key, a.reason+" "+a.note, s.Now) {
			continue
		}
		r.recorder.Eventf(s.Set, nil, a.kind, a.reason, a.action, "%s", a.note)
	}
}

// announcements are the events of a round.
func announcements(s *Snapshot, plan *Plan, outcome *Outcome) []announcement {
	return append(successes(s, plan, outcome), warnings(plan, outcome)...)
}

func successes(s *Snapshot, plan *Plan, outcome *Outcome) (out []announcement) {
	tell := func(n int, reason, action, format string, args ...any) {
		if n > 0 {
			out = append(out, announcement{corev1.EventTypeNormal, reason, action, shorten(fmt.Sprintf(format, args...), maxMessage)})
		}
	}
	adopted, released := owned(outcome, true), owned(outcome, false)
	tell(len(adopted), eventAdopted, "Adopt", "Adopted %s", some("Pod", adopted))
	tell(len(released), eventReleased, "Release", "Released %s: name or labels are no longer those of the set", some("Pod", released))
	if n := len(outcome.Deleted); n > 0 {
		tell(n, eventDeleted, "Delete", "Deleted %s: %s", some("Pod", podsOf(outcome.Deleted, DeletePod.name)), outcome.Deleted[0].Reason)
	}
	if updated := updatedInPlace(outcome); len(updated) > 0 {
		tell(len(updated), eventUpdated, "Update", "Updated %s in place: %s", some("Pod", podsOf(updated, ChangePod.name)), updated[0].Reason)
	}
	if resized := resized(outcome); len(resized) > 0 {
		tell(len(resized), eventResized, "Resize", "Asked for more storage for %s: %s", some("claim", podsOf(resized, ChangeClaim.name)), resized[0].Reason)
	}
	tell(len(outcome.Created), eventCreated, "Create", "Created %s", some("Pod", podsOf(outcome.Created, CreatePod.name)))
	if s.Set.Status.ObservedGeneration != s.Set.Generation {
		tell(len(plan.Rollout.Recreated), eventNotUpgradable, "Update",
			"Pods are made anew, since this cannot change in a running Pod: %s", strings.Join(plan.Rollout.Recreated, ", "))
	}
	return out
}

func warnings(plan *Plan, outcome *Outcome) (out []announcement) {
	warn := func(reason, action, note string) {
		out = append(out, announcement{corev1.EventTypeWarning, reason, action, shorten(note, maxMessage)})
	}
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
			warn(each.reason, each.action, refusals(each.errs))
		}
	}
	if len(plan.Rollout.Impossible) > 0 {
		warn(eventInPlaceFailed, "Update", impossible(&plan.Rollout))
	}
	if len(plan.Rollout.Unexpandable) > 0 {
		warn(eventClaimFailed, "Resize", unexpandable(&plan.Rollout))
	}
	return out
}

func (c CreatePod) name() string   { return c.Pod.Name }
func (d DeletePod) name() string   { return d.View.Pod.Name }
func (c ChangePod) name() string   { return c.View.Pod.Name }
func (c ChangeClaim) name() string { return c.Claim.Name }

func (i ImpossiblePod) name() string { return i.View.Pod.Name }

// podsOf are the names in some actions.
func podsOf[T any](actions []T, name func(T) string) []string {
	out := make([]string, len(actions))
	for i := range actions {
		out[i] = name(actions[i])
	}
	return out
}

func owned(outcome *Outcome, adopted bool) (names []string) {
	for _, o := range outcome.Owned {
		if o.Adopt == adopted {
			names = append(names, o.Pod.Name)
		}
	}
	return names
}

func updatedInPlace(outcome *Outcome) (out []ChangePod) {
	for _, c := range outcome.Changed {
		if c.Updates {
			out = append(out, c)
		}
	}
	return out
}

func resized(outcome *Outcome) (out []ChangeClaim) {
	for _, c := range outcome.Claimed {
		if c.Storage != nil {
			out = append(out, c)
		}
	}
	return out
}

// some names one object and counts the others.
func some(kind string, names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return kind + " " + names[0]
	}
	return fmt.Sprintf("%d %ss, %s %s the first", len(names), kind, kind, names[0])
}
