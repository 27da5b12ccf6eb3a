package sidecarset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

const (
	// maxNamedPods is how many Pods a condition's message names.
	maxNamedPods = 5
	// maxListedPods is how many uninjected Pods the status lists.
	maxListedPods = 20
)

// makeStatus computes the whole status from what was seen, what was planned
// and what became of it.
func makeStatus(s *Snapshot, plan *Plan, outcome *Outcome) *v1beta1.SidecarSetStatus {
	status := s.Set.Object.Status.DeepCopy()
	status.ObservedGeneration = s.Set.Object.Generation
	count(status, s, outcome)
	status.Uninjected = listUninjected(s)
	progress := judge(s, plan, outcome)
	for _, condition := range []*metav1.Condition{
		readyCondition(progress),
		reconcilingCondition(progress),
		updateLimitedCondition(plan),
		injectedCondition(s),
	} {
		setCondition(&status.Conditions, condition, s)
	}
	dropAbsent(&status.Conditions, progress, plan)
	return status
}

// count fills the counters. Pods just updated count as updated and, until the
// kubelet says otherwise, as not ready.
func count(status *v1beta1.SidecarSetStatus, s *Snapshot, outcome *Outcome) {
	just := map[*sidecar.View]bool{}
	for _, u := range outcome.Updated {
		just[u.View] = true
	}
	status.MatchedPods = int32(len(s.Matched))
	status.UninjectedPods = int32(len(s.Uninjected))
	status.UpdatedPods, status.ReadyPods, status.UpdatedReadyPods = 0, 0, 0
	for _, view := range s.Matched {
		updated := just[view] || view.Updated(s.Set)
		ready := !just[view] && view.Ready() && view.Settled(s.Set)
		if updated {
			status.UpdatedPods++
		}
		if ready {
			status.ReadyPods++
		}
		if updated && ready {
			status.UpdatedReadyPods++
		}
	}
}

func listUninjected(s *Snapshot) []v1beta1.UninjectedPod {
	var out []v1beta1.UninjectedPod
	for _, u := range s.Uninjected {
		out = append(out, v1beta1.UninjectedPod{Namespace: u.Pod.Namespace, Name: u.Pod.Name, Reason: u.Reason})
	}
	slices.SortFunc(out, func(a, b v1beta1.UninjectedPod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), maxListedPods)]
}

// progress is where the rollout stands.
type progress struct {
	plan    *Plan
	outcome *Outcome
	// underway are Pods at the current version whose sidecars are not serving
	// yet.
	underway []string
}

func judge(s *Snapshot, plan *Plan, outcome *Outcome) progress {
	p := progress{plan: plan, outcome: outcome}
	for _, u := range outcome.Updated {
		p.underway = append(p.underway, podName(u.View))
	}
	for _, view := range s.Matched {
		if view.Updated(s.Set) && !(view.Settled(s.Set) && view.SidecarsReady(s.Set)) {
			p.underway = append(p.underway, podName(view))
		}
	}
	slices.Sort(p.underway)
	return p
}

// resting tells whether the rollout stands where the user wants it to stand.
func (p progress) resting() bool {
	return p.plan.Hold == HoldPaused || p.plan.Hold == HoldNotUpdate
}

// working tells whether there is more to do, now or soon.
func (p progress) working() bool {
	return len(p.underway) > 0 || len(p.outcome.Failed) > 0 || p.outcome.Stale > 0 ||
		(p.plan.Waiting > 0 && !p.resting())
}

func readyCondition(p progress) *metav1.Condition {
	c := &metav1.Condition{Type: v1beta1.ConditionReady, Status: metav1.ConditionTrue}
	switch {
	case p.working():
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1beta1.ReasonPodsUpdating, p.next()
	case p.plan.Hold == HoldPaused:
		c.Reason = v1beta1.ReasonPaused
		c.Message = fmt.Sprintf("The update is paused; %d Pods stay at an earlier version.", p.plan.Waiting)
	case p.plan.Hold == HoldNotUpdate:
		c.Reason = v1beta1.ReasonNotUpdate
		c.Message = fmt.Sprintf("Running Pods are not updated; %d are at an earlier version.", p.plan.Waiting)
	case p.plan.Kept > 0:
		c.Reason = v1beta1.ReasonPartitionReached
		c.Message = fmt.Sprintf("All Pods that the partition and selector let through are updated; %d stay at an earlier version.", p.plan.Kept)
	default:
		c.Reason, c.Message = v1beta1.ReasonComplete, "All matched Pods that can be updated in place are at the current version."
	}
	return c
}

func reconcilingCondition(p progress) *metav1.Condition {
	if !p.working() {
		return nil
	}
	return &metav1.Condition{
		Type: v1beta1.ConditionReconciling, Status: metav1.ConditionTrue,
		Reason: v1beta1.ReasonPodsUpdating, Message: p.next(),
	}
}

// next says what the rollout waits for.
func (p progress) next() string {
	var parts []string
	if len(p.outcome.Failed) > 0 {
		parts = append(parts, fmt.Sprintf("%d Pods could not be updated, the first because: %v.", len(p.outcome.Failed), p.outcome.Failed[0].Err))
	}
	if len(p.underway) > 0 {
		parts = append(parts, fmt.Sprintf("Waiting until the sidecars of %d Pods are ready: %s.", len(p.underway), name(p.underway)))
	}
	if p.plan.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d Pods come later, within maxUnavailable.", p.plan.Waiting))
	}
	if len(parts) == 0 {
		parts = append(parts, "Pods changed while they were looked at; looking again.")
	}
	return truncate(strings.Join(parts, " "))
}

func updateLimitedCondition(plan *Plan) *metav1.Condition {
	if len(plan.Limited) == 0 {
		return nil
	}
	return &metav1.Condition{
		Type: v1beta1.ConditionUpdateLimited, Status: metav1.ConditionTrue, Reason: v1beta1.ReasonUpdateImmutableField,
		Message: truncate(fmt.Sprintf("More than images has changed since %d Pods were created, and nothing else can change in place: they keep their sidecars until they are created anew: %s.",
			len(plan.Limited), nameViews(plan.Limited))),
	}
}

func injectedCondition(s *Snapshot) *metav1.Condition {
	c := &metav1.Condition{
		Type: v1beta1.ConditionInjected, Status: metav1.ConditionTrue,
		Reason: v1beta1.ReasonAllPodsInjected, Message: "Every live Pod that the set selects holds its sidecars.",
	}
	var missing []string
	for _, u := range s.Uninjected {
		if u.Reason != ReasonOptedOut {
			missing = append(missing, u.Pod.Namespace+"/"+u.Pod.Name+" ("+u.Reason+")")
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		c.Status, c.Reason = metav1.ConditionFalse, v1beta1.ReasonPodsNotInjected
		c.Message = truncate(fmt.Sprintf("%d live Pods run without the sidecars until they are created anew: %s.", len(missing), name(missing)))
	}
	return c
}

// setCondition keeps the transition time when the status stays the same.
func setCondition(conditions *[]metav1.Condition, c *metav1.Condition, s *Snapshot) {
	if c == nil {
		return
	}
	c.ObservedGeneration = s.Set.Object.Generation
	c.LastTransitionTime = metav1.NewTime(s.Now)
	meta.SetStatusCondition(conditions, *c)
}

// dropAbsent removes conditions that are true only while something is unusual.
func dropAbsent(conditions *[]metav1.Condition, p progress, plan *Plan) {
	if !p.working() {
		meta.RemoveStatusCondition(conditions, v1beta1.ConditionReconciling)
	}
	if len(plan.Limited) == 0 {
		meta.RemoveStatusCondition(conditions, v1beta1.ConditionUpdateLimited)
	}
}

func podName(view *sidecar.View) string { return view.Pod.Namespace + "/" + view.Pod.Name }

func nameViews(views []*sidecar.View) string {
	names := make([]string, 0, len(views))
	for _, view := range views {
		names = append(names, podName(view))
	}
	slices.Sort(names)
	return name(names)
}

// name lists the first few of some names.
func name(names []string) string {
	if len(names) <= maxNamedPods {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamedPods], ", "), len(names)-maxNamedPods)
}

// truncate keeps a message within the 1 KiB that conditions are allowed here.
func truncate(message string) string {
	const most = 1024
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most-3], "") + "..."
}
