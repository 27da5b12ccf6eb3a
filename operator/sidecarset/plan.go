// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Plan is what to do about one SidecarSet now, and why it is no more than that.
type Plan struct {
	// Revisions keeps the history.
	Revisions RevisionPlan
	// Updates are the Pods to change in place.
	Updates []UpdatePod
	// Completions are the Pods of whose update the second half is to be written.
	Completions []UpdatePod
	// Finishes are the Pods whose hot upgrades are to be ended.
	Finishes []UpdatePod
	// Evictions are the Pods without sidecars to have created anew, in order. As many of those that serve as
	// EvictBudget says are evicted now, and with Probe a single one: to see whether it helps.
	Evictions   []EvictPod
	EvictBudget int
	Probe       bool
	// Futile are the controllers whose Pods are not evicted any more, sorted, and Protected the Pods that the API
	// server did not let us evict when we last tried.
	Futile    []types.UID
	Protected []ProtectedPod
	// Marks are the Pods whose condition SidecarSetUpgradable is to change.
	Marks []MarkPod
	// Hold says why Pods that are not up to date are left alone for now; empty when none is.
	Hold Hold
	// Waiting are Pods that are not up to date and whose turn comes later. Elsewhere are those among them in namespaces
	// where nothing was refused, Again are the refused Pods that are due and find no room.
	Waiting, Elsewhere, Again int
	// Blockers are the Pods that take up shares of maxUnavailable.
	Blockers []string
	// Kept are Pods that the partition, or the update's own selector, keeps at the old version.
	Kept int
	// Limited are Pods that cannot be brought up to date in place.
	Limited []LimitedPod
	// Refused are Pods that the API server did not let us change, and that are not tried again in this round.
	Refused []RefusedPod
	// Excused are Pods at the current version that do not serve for reasons of their own. Nothing waits for them.
	Excused []ExcusedPod
	// Broken is the first updated Pod with a sidecar that cannot run; one that served before comes first.
	Broken *BrokenPod
	// Failed are the updated Pods that served before and whose sidecar cannot run now.
	Failed []*sidecar.View
	// VerdictIn is in how many seconds the kubelet's word about Pods written to a moment ago can be believed; 0 when
	// there are none that look broken.
	VerdictIn float64
	// Repair says why no Pod without sidecars is evicted; empty when nothing speaks against it. RepairIn is in how many
	// seconds that changes by itself, 0 when it does not.
	Repair   string
	RepairIn float64
}

// Hold is why a rollout does not go on right now.
type Hold string

const (
	// HoldNone means that it does go on, or that there is nothing to do.
	HoldNone Hold = ""
	// HoldNotUpdate means that the strategy leaves running Pods alone.
	HoldNotUpdate Hold = "NotUpdate"
	// HoldPaused means that a person paused it.
	HoldPaused Hold = "Paused"
	// HoldAutoPaused means that an updated Pod failed, and that autoPauseOnFailure is set.
	HoldAutoPaused Hold = "AutoPaused"
	// HoldBudget means that as many Pods as allowed are unavailable.
	HoldBudget Hold = "MaxUnavailable"
)

// UpdatePod changes one Pod in place.
type UpdatePod struct {
	View   *sidecar.View
	Change *sidecar.Change
	// Free tells that the Pod does not serve, so the update costs nothing. That has to be true still when it is
	// written.
	Free bool
	// Reason says why this Pod may go now.
	Reason string
}

// String renders the action for logs.
func (u UpdatePod) String() string {
	return fmt.Sprintf("update Pod %s in place (%s): %s", podName(u.View.Pod), u.what(), u.Reason)
}

// what says what changes.
func (u UpdatePod) what() string {
	parts := make([]string, 0, len(u.Change.Images)+len(u.Change.Resources))
	for _, image := range u.Change.Images {
		parts = append(parts, fmt.Sprintf("%s: %s -> %s", image.Name, image.From, image.To))
	}
	for _, resources := range u.Change.Resources {
		parts = append(parts, resources.Name+": resize")
	}
	if len(parts) == 0 {
		parts = append(parts, "annotations only")
	}
	return strings.Join(parts, ", ")
}

// LimitedPod is a Pod that keeps its sidecars until it is created anew.
type LimitedPod struct {
	View *sidecar.View
	// Why lists what stands against an update: field paths, or a sentence.
	Why []string
}

// RefusedPod is a Pod of which the API server refused a change.
type RefusedPod struct {
	View *sidecar.View
	// Words are the API server's.
	Words string
}

// ExcusedPod is a Pod that does not serve, which is not the set's doing.
type ExcusedPod struct {
	View *sidecar.View
	// Why says in a few words what keeps it. Stuck means that its sidecars cannot start before that has changed.
	Why   string
	Stuck bool
}

// BrokenPod is an updated Pod with a sidecar that cannot run.
type BrokenPod struct {
	View *sidecar.View
	// Container is the sidecar, Reason what the kubelet says of it.
	Container, Reason string
	// served tells that it did before its update.
	served bool
}

func (b *BrokenPod) before(other *BrokenPod) bool {
	return cmp.Or(compareBool(other.served, b.served), cmp.Compare(podName(b.View.Pod), podName(other.View.Pod))) < 0
}

// makePlan decides what to do now.
func makePlan(s *Snapshot) (*Plan, error) {
	revisions, err := planRevisions(s)
	if err != nil {
		return nil, err
	}
	set := s.Set.WithRevision(revisions.Current)
	plan := &Plan{Revisions: revisions}
	plan.findBroken(s)
	plan.repair(s)
	plan.complete(s, set, nil)
	candidates := plan.candidates(s)
	plan.mark(s)
	if plan.Hold = hold(s, plan); plan.Hold != HoldNone {
		plan.Waiting = len(candidates)
	} else {
		err = plan.update(s, set, candidates)
	}
	if len(candidates) == 0 && allFinished(s) {
		plan.Hold = HoldNone
	}
	plan.Blockers = blockers(s)
	plan.excuse(s)
	return plan, err
}

// allFinished reports whether no hot upgrade waits for its end.
func allFinished(s *Snapshot) bool {
	for _, view := range s.Matched {
		if !view.HotFinished() {
			return false
		}
	}
	return true
}

// hold reports whether the rollout is to rest.
func hold(s *Snapshot, plan *Plan) Hold {
	strategy := &s.Set.Spec.UpdateStrategy
	switch {
	case strategy.Type == v1beta1.NotUpdateSidecarSetStrategyType:
		return HoldNotUpdate
	case strategy.Paused:
		return HoldPaused
	case strategy.AutoPauseOnFailure && (failing(s, plan.Failed) || s.Set.Object.Status.AutoPausedRevision == plan.Revisions.Current):
		return HoldAutoPaused
	}
	return HoldNone
}

// verdictSeconds is how long after a Pod was written to the kubelet's word about its containers is about what was
// written. Until it has begun to act, it goes on to report why the version before could not run.
const verdictSeconds = 10

// findBroken looks for an updated Pod with a sidecar that cannot run.
func (p *Plan) findBroken(s *Snapshot) {
	for _, view := range s.Matched {
		if !view.Updated() {
			continue
		}
		name, reason := view.Broken()
		if name == "" {
			continue
		}
		if age := s.Now.Sub(view.WrittenAt()).Seconds(); age < verdictSeconds {
			p.VerdictIn = max(p.VerdictIn, verdictSeconds-age)
			continue
		}
		broken := &BrokenPod{View: view, Container: name, Reason: reason, served: view.ServedBefore()}
		if broken.served {
			p.Failed = append(p.Failed, view)
		}
		if p.Broken == nil || broken.before(p.Broken) {
			p.Broken = broken
		}
	}
}

// failing reports whether enough updated Pods have failed to blame the version for it: one, where all Pods are of one
// workload; else some of two workloads; and where the set reaches Pods of several namespaces, some of two namespaces.
// Whoever may only make Pods in one namespace cannot have the rollout paused for all.
func failing(s *Snapshot, failed []*sidecar.View) bool {
	for _, group := range []func(*corev1.Pod) string{namespaceOf, workloadOf} {
		if several(s.Matched, group) {
			return several(failed, group)
		}
	}
	return len(failed) > 0
}

// several reports whether Pods belong to more than one group.
func several(views []*sidecar.View, group func(*corev1.Pod) string) bool {
	return slices.ContainsFunc(views, func(v *sidecar.View) bool { return group(v.Pod) != group(views[0].Pod) })
}

func namespaceOf(pod *corev1.Pod) string { return pod.Namespace }

// workloadOf names what made a Pod. All Pods of a namespace that nothing made are one workload.
func workloadOf(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return pod.Namespace
	}
	name := owner.Name
	if hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; owner.Kind == "ReplicaSet" && hash != "" {
		name = strings.TrimSuffix(name, "-"+hash) // the ReplicaSets of one Deployment
	}
	return pod.Namespace + "/" + owner.Kind + "/" + name
}

// candidate is a Pod that is to be updated, sooner or later.
type candidate struct {
	*sidecar.View
	// resized are the containers that get new cpu and memory.
	resized []string
	// refusing means that a Pod of its namespace was refused.
	refusing bool
}

// candidates sorts out the Pods that are not up to date.
func (p *Plan) candidates(s *Snapshot) []candidate {
	differences := differences{snapshot: s}
	var out []candidate
	for _, view := range s.Matched {
		switch {
		case view.Updated():
		case !s.Set.UpdateSelects(view.Pod.Labels):
			p.Kept++
		default:
			resized, why := differences.obstacles(view)
			if len(why) > 0 {
				p.Limited = append(p.Limited, LimitedPod{view, why})
				continue
			}
			out = append(out, candidate{View: view, resized: append(resized, view.OwedResizes()...)})
		}
	}
	return out
}

func podName(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }
