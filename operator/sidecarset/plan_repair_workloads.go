// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"

	"github.com/windlass-operator/windlass/internal/workload"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// withinWorkloads leaves out the evictions of Pods that serve by which more of a workload would be down than
// maxUnavailablePerWorkload allows, whoever's doing that is. Each that stays counts as down for the rest of the plan,
// since what the API server refuses of the others decides which of them go. The API server asks the PodDisruptionBudgets
// itself, but for a second it does not know of a Pod that was just restarted in place: so they are asked here too. held
// says what was left out for its workload, "" for nothing.
func (p *planner) withinWorkloads(candidates []EvictPod) (out []EvictPod, held string) {
	left := 0
	for _, e := range candidates {
		if e.NotServing {
			out = append(out, e)
			continue
		}
		w := p.podsOf(workload.Of(e.Pod))
		limit, limited := perWorkload(p.s.Set.Spec.UpdateStrategy.MaxUnavailablePerWorkload, w.pods)
		if limited && w.down >= limit {
			if left == 0 {
				held = w.say(limit)
			}
			left++
			continue
		}
		if _, waits := p.disrupted(e.Pod); waits {
			p.plan.Protected = append(p.plan.Protected, ProtectedPod{Pod: e.Pod})
			p.plan.RepairIn = repairEvery
			continue
		}
		w.down, w.ours = w.down+1, true
		e.Takes = append([]ledger.Budget{ledger.Budget(w.id)}, p.takenBudgets(e.Pod)...)
		out = append(out, e)
	}
	if left > 1 {
		held = fmt.Sprintf("%s, and %d more Pods wait for theirs", held, left-1)
	}
	return out, held
}
