// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/report"
)

// waitingReasons are all that a Pod may wait for, in the order in which it is asked.
var waitingReasons = []string{
	v1beta1.WaitingInFlight, v1beta1.WaitingKubeletUnknown, v1beta1.WaitingMaxUnavailable, v1beta1.WaitingTopology,
	v1beta1.WaitingImagePulling, v1beta1.WaitingImageUnavailable, v1beta1.WaitingHook, v1beta1.WaitingHookTimeout,
	v1beta1.WaitingWorkloadUnavailable,
	v1beta1.WaitingDisruptionBudget,
}

// listWaiting counts the Pods that wait by reason.
func listWaiting(plan *Plan) []v1beta1.WaitingPods {
	var out []v1beta1.WaitingPods
	for _, reason := range waitingReasons {
		n, first := 0, (*sidecar.View)(nil)
		for i := range plan.Waiting {
			if w := &plan.Waiting[i]; w.Reason == reason {
				n += len(w.Pods)
				if first == nil || comparePods(w.First.Pod, first.Pod) < 0 {
					first = w.First
				}
			}
		}
		if n > 0 {
			out = append(out, v1beta1.WaitingPods{Reason: reason, Pods: int32(n), First: podName(first.Pod)})
		}
	}
	return out
}

// wayAroundBudgets is what to do about a PodDisruptionBudget that never allows any disruption.
const wayAroundBudgets = "Let the budget allow one, add Pods to its workload, or set spec.updateStrategy.disruptionBudgets to Ignore."

// maxWaits is how many of the things that Pods wait for a message names.
const maxWaits = 4

// later says how many Pods wait, and for what: what most of them wait for comes first.
func (p *progress) later() string {
	waits := make([]*Wait, len(p.plan.Waiting))
	for i := range waits {
		waits[i] = &p.plan.Waiting[i]
	}
	slices.SortFunc(waits, func(a, b *Wait) int {
		return cmp.Or(
			cmp.Compare(len(b.Pods), len(a.Pods)),
			cmp.Compare(slices.Index(waitingReasons, a.Reason), slices.Index(waitingReasons, b.Reason)),
			cmp.Compare(a.Words, b.Words),
		)
	})
	parts := []string{fmt.Sprintf("Later: %s.", report.Pods(p.plan.waiting()))}
	for _, w := range waits[:min(maxWaits, len(waits))] {
		parts = append(parts, p.waitsFor(w))
	}
	if more := len(waits) - maxWaits; more > 0 {
		parts = append(parts, fmt.Sprintf("Other Pods wait for %d more such things.", more))
	}
	if p.overdue && slices.ContainsFunc(waits, func(w *Wait) bool { return w.Reason == v1beta1.WaitingDisruptionBudget }) {
		parts = append(parts, wayAroundBudgets)
	}
	return strings.Join(parts, " ")
}

// waitsFor says what some Pods wait for, how many they are, and one of them.
func (p *progress) waitsFor(w *Wait) string {
	words, name := w.Words, podName(w.First.Pod)
	if blockers := p.blockers(); w.Reason == v1beta1.WaitingMaxUnavailable && !w.resting() && len(blockers) > 0 {
		words += " until these are ready: " + report.Names(blockers)
	}
	if len(w.Pods) == 1 {
		return fmt.Sprintf("%s: 1, Pod %s.", words, name)
	}
	return fmt.Sprintf("%s: %d, Pod %s the first.", words, len(w.Pods), name)
}

// blockers are the Pods that take up shares of maxUnavailable and are not named already.
func (p *progress) blockers() []string {
	return slices.DeleteFunc(slices.Clone(p.plan.Blockers), func(pod string) bool { return slices.Contains(p.underway, pod) })
}

// missing says which images nobody gets, so that nothing restarts with them; "" when there are none.
func (p *progress) missing() string { return pull.Sentences(p.plan.Pulls.Missing) }
