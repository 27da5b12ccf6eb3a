// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/shorten"
	"github.com/windlass-operator/windlass/operator/refusal"
	"github.com/windlass-operator/windlass/operator/report"
)

// conditions are those that this controller keeps.
func conditions(s *Snapshot, p *progress) []report.Condition {
	return []report.Condition{
		{Type: v1beta1.ConditionReady, Value: readyCondition(p)},
		{Type: v1beta1.ConditionReconciling, Value: reconcilingCondition(p)},
		{Type: v1beta1.ConditionStalled, Value: stalledCondition(s, p)},
		{Type: v1beta1.ConditionProgressing, Value: progressingCondition(s, p)},
		{Type: v1beta1.ConditionUpdateLimited, Value: updateLimitedCondition(p.plan)},
		{Type: v1beta1.ConditionInjected, Value: injectedCondition(s, p)},
	}
}

// invalidStatus is that of a set that cannot be used as it is. Counters stay as they were: nothing was counted.
func invalidStatus(object *v1beta1.SidecarSet, err error, now metav1.Time) *v1beta1.SidecarSetStatus {
	status := object.Status.DeepCopy()
	status.ObservedGeneration = object.Generation
	report.SetConditions(&status.Conditions, object.Generation, now,
		report.InvalidSpec(err.Error(), report.Brief(err.Error()), v1beta1.ConditionProgressing)...)
	summary := report.Summary{Text: status.Summary, Since: status.SummarySince}.Next("Stalled: "+v1beta1.ReasonInvalidSpec, now)
	status.Summary, status.SummarySince = summary.Text, summary.Since
	return status
}

// state is the common ground of Ready and Progressing: whether the wish is fulfilled, or rests where the user told it
// to, and the words for it.
func state(p *progress) (done bool, reason, message string) {
	switch {
	case p.unserved != "":
		return false, v1beta1.ReasonNamespaceNotServed, p.unserved
	case p.plan.Hold == HoldAutoPaused:
		return false, v1beta1.ReasonAutoPaused, p.autoPaused()
	case p.missing() != "":
		return false, v1beta1.ReasonImageUnavailable, p.missing() + " " + p.next()
	case p.overdue:
		return false, v1beta1.ReasonProgressDeadlineExceeded,
			fmt.Sprintf("No progress for more than %d s. %s", p.deadlineSeconds, p.next())
	case p.working():
		return false, v1beta1.ReasonPodsUpdating, p.next()
	case p.plan.Hold == HoldPaused:
		return true, v1beta1.ReasonPaused, p.held() + " Set spec.updateStrategy.paused to false to go on."
	case p.plan.Hold == HoldNotUpdate:
		return true, v1beta1.ReasonNotUpdate, p.held()
	case p.plan.Hold == HoldZero:
		return true, v1beta1.ReasonMaxUnavailableZero, p.later() + " Set spec.updateStrategy.maxUnavailable to 1 or more to go on."
	case p.plan.Kept > 0:
		return true, v1beta1.ReasonPartitionReached, p.kept()
	case p.none != "":
		return true, v1beta1.ReasonNoPods, p.none
	}
	return true, v1beta1.ReasonComplete, p.done()
}

// kept says how far partition and selector let the rollout come.
func (p *progress) kept() string {
	if p.updated == 0 {
		return fmt.Sprintf("Partition and selector let no Pod through; %s kept at an earlier version.", report.PodsAre(p.plan.Kept))
	}
	return fmt.Sprintf("All Pods that partition and selector let through are updated; %s kept at an earlier version.",
		report.PodsAre(p.plan.Kept))
}

// done says what a complete rollout has come to.
func (p *progress) done() string {
	switch {
	case p.updated == 0 && len(p.plan.NotUpgradable) > 0:
		return fmt.Sprintf("No Pod can be updated in place; %s an earlier version until created anew.",
			report.PodsThat(len(p.plan.NotUpgradable), "keeps", "keep"))
	case p.updated == 0:
		return "No live Pod has the sidecars, so there is none to update."
	}
	return "All matched Pods that can be updated in place are at the current version."
}

func readyCondition(p *progress) *metav1.Condition {
	done, reason, message := state(p)
	return report.If(done, reason, message+excused(p.plan.Excused))
}

// reconcilingCondition is gone when the rollout is done, rests, or cannot go on by itself: tools take it for "wait". It
// names what the rollout waits for first; Ready has the whole of it.
func reconcilingCondition(p *progress) *metav1.Condition {
	if !p.working() || p.stuck() {
		return nil
	}
	return report.True(v1beta1.ReasonPodsUpdating, report.Brief(p.first()))
}

// stalledCondition names what blocks first; Ready has the whole of it.
func stalledCondition(s *Snapshot, p *progress) *metav1.Condition {
	switch {
	case p.unserved != "":
		return report.True(v1beta1.ReasonNamespaceNotServed, unservedBriefly(s))
	case p.plan.Hold == HoldAutoPaused:
		return report.True(v1beta1.ReasonAutoPaused, report.Brief(p.failure()+"."))
	case p.missing() != "":
		return report.True(v1beta1.ReasonImageUnavailable, report.Brief(p.missing()))
	case p.overdue:
		return report.True(v1beta1.ReasonProgressDeadlineExceeded, report.Brief(p.first()))
	}
	return nil
}

// progressingCondition is about the rollout alone: true while it goes on, rests or is complete, false when it is stuck.
// It says how far it is.
func progressingCondition(s *Snapshot, p *progress) *metav1.Condition {
	done, reason, _ := state(p)
	switch {
	case done || reason != v1beta1.ReasonPodsUpdating:
	case p.plan.Hold == HoldPaused:
		reason = v1beta1.ReasonPaused
	case !anyUpdated(s, p):
		reason = v1beta1.ReasonNewRevision
	}
	return report.If(!p.stuck(), reason, p.extent(len(s.Matched)))
}

// extent says how far the rollout is.
func (p *progress) extent(matched int) string {
	if matched == 0 {
		return "No Pod has the sidecars yet."
	}
	return fmt.Sprintf("At the current version and ready: %d of %s.", p.updatedReady, report.Pods(matched))
}

func anyUpdated(s *Snapshot, p *progress) bool {
	if len(p.outcome.Updated) > 0 {
		return true
	}
	for _, view := range s.Matched {
		if view.Updated() {
			return true
		}
	}
	return false
}

// next says what the rollout waits for, what blocks first.
func (p *progress) next() string { return strings.Join(p.sentences(), " ") }

// first is the first sentence of next.
func (p *progress) first() string { return p.sentences()[0] }

// sentences are those of next, one at least.
func (p *progress) sentences() []string {
	var parts []string
	if len(p.outcome.Failed) > 0 {
		parts = append(parts, fmt.Sprintf("Writes refused by the API server: %d, the first: %v.", len(p.outcome.Failed), p.outcome.Failed[0]))
	}
	if p.outcome.Collided {
		parts = append(parts, fmt.Sprintf("The name of revision %s is taken by something else; another one comes next.",
			p.plan.Revisions.Current))
	}
	if b := p.plan.Broken; b != nil {
		parts = append(parts, fmt.Sprintf("Sidecar %s of Pod %s cannot run%s. %s", b.Container, podName(b.View.Pod), b.trouble(), b.wayOut()))
	}
	if len(p.refused) > 0 {
		parts = append(parts, refused(p.refused))
	}
	if held := p.plan.HeldResizes.awaited(); len(held) > 0 {
		parts = append(parts, held.waitsFor())
	}
	if len(p.underway) > 0 {
		parts = append(parts, fmt.Sprintf("Waiting for the sidecars of %s: %s.", report.Pods(len(p.underway)), report.Names(p.underway)))
	}
	if p.resting() && p.plan.Held > 0 {
		parts = append(parts, p.held())
	}
	if pulls := p.plan.Pulls.StillPulling(); p.overdue && pulls != "" {
		parts = append(parts, pulls)
	}
	if len(p.plan.Waiting) > 0 {
		parts = append(parts, p.later())
	}
	if n := p.plan.Ungated; n > 0 {
		parts = append(parts, fmt.Sprintf("%s no readiness gate KruisePodReady, so that nothing is drained before the update; "+
			"Pods get it when they are created.", report.PodsThat(n, "has", "have")))
	}
	if len(parts) == 0 {
		parts = append(parts, "Pods changed while they were looked at; looking again.")
	}
	return parts
}

// refused names Pods of which the API server refuses a change, those that it gives the same reason for together.
func refused(all []RefusedPod) string {
	byWords := map[string][]string{}
	for _, r := range all {
		words := reasonIn(r.Words)
		byWords[words] = append(byWords[words], podName(r.View.Pod))
	}
	reasons := slices.SortedFunc(maps.Keys(byWords), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(byWords[b]), len(byWords[a])), cmp.Compare(a, b))
	})
	const most = 3
	var out []string
	for _, words := range reasons[:min(most, len(reasons))] {
		names := byWords[words]
		slices.Sort(names)
		out = append(out, fmt.Sprintf("%s (%s)", report.NamesUpTo(most, slices.Compact(names)), words))
	}
	if more := len(reasons) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and for %d other reasons", more))
	}
	return fmt.Sprintf("The API server refuses the change of %s: %s. Each is tried again within a minute; others go on.",
		report.Pods(len(all)), strings.Join(out, "; "))
}

// reasonIn is what the API server's words say besides the Pod's name. It is cut where a message would have no room for
// others.
func reasonIn(words string) string {
	const most = 160
	return shorten.To(refusal.Reason(words), most)
}

// excused names the Pods that do not serve for reasons of their own.
func excused(all []ExcusedPod) string {
	if len(all) == 0 {
		return ""
	}
	named := make([]string, len(all))
	for i, e := range all {
		named[i] = fmt.Sprintf("%s (%s)", podName(e.View.Pod), e.Why)
	}
	slices.Sort(named)
	return fmt.Sprintf(" Not serving, but not because of the update: %s.", report.Names(named))
}

// held says how many Pods are not updated while the rollout rests.
func (p *progress) held() string {
	if p.plan.Hold == HoldNotUpdate {
		return fmt.Sprintf("Running Pods are not updated; %s not at the current version.", report.PodsAre(p.plan.Held))
	}
	return fmt.Sprintf("The update is paused; %s not at the current version.", report.PodsAre(p.plan.Held))
}

// trouble is what the kubelet says of the sidecar, with its image where that is what is wrong.
func (b *BrokenPod) trouble() string {
	if image := b.View.Image(b.Container); imageReasons[b.Reason] && image != "" {
		return fmt.Sprintf(" (image %s: %s)", image, b.Reason)
	}
	if trouble := pods.ContainerTrouble(b.View.Pod, b.Container); trouble != "" {
		return ": " + trouble
	}
	return ": " + b.Reason
}

// imageReasons are the kubelet's words for an image that cannot be had.
var imageReasons = map[string]bool{"ErrImagePull": true, "ImagePullBackOff": true, "InvalidImageName": true, "ErrImageNeverPull": true}

func (b *BrokenPod) wayOut() string {
	if imageReasons[b.Reason] {
		return "Set the image back, or to one that exists; broken Pods are updated first."
	}
	return "Set the version back, or mend it; broken Pods are updated first."
}

func (p *progress) autoPaused() string {
	return p.failure() + ". A new version of the set, or autoPauseOnFailure: false, lets it go on."
}

// failure says why autoPauseOnFailure set the rollout to rest.
func (p *progress) failure() string {
	message := fmt.Sprintf("The update rests at revision %s since an updated Pod failed", p.plan.Revisions.Current)
	if b := p.plan.Broken; b != nil {
		message += fmt.Sprintf(": sidecar %s of Pod %s cannot run%s", b.Container, podName(b.View.Pod), b.trouble())
	}
	return message
}
