// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"

	"github.com/windlass-operator/windlass/operator/ledger"
)

// withinWorkloads leaves out the evictions of Pods that serve by which more of a workload would be down than
// maxUnavailablePerWorkload allows, whoever's doing that is. Each that stays counts as down for the rest of the plan,
// since what the API server refuses of the others decides which of them go. The PodDisruptionBudgets are asked by the
// API server itself; that the Pods are about to go is for the ledger. held says what was left out, "" for nothing.
func (p *planner) withinWorkloads(candidates []EvictPod) (out []EvictPod, held string) {
	left := 0
	for _, e := range candidates {
		if e.NotServing {
			out = append(out, e)
			continue
		}
		w := p.workloadOf(e.Pod)
		limit, limited := perWorkload(p.s.Set.Spec.UpdateStrategy.MaxUnavailablePerWorkload, w.pods)
		if limited && w.down >= limit {
			if left == 0 {
				held = w.say(limit)
			}
			left++
			continue
		}
		w.down, w.ours = w.down+1, true
		e.Takes = append(e.Takes, ledger.Budget(w.id))
		for _, budget := range p.disruption().Covering(e.Pod) {
			e.Takes = append(e.Takes, ledger.Budget{Kind: ledger.DisruptionBudget, NamespacedName: budget.Key()})
		}
		out = append(out, e)
	}
	if left > 1 {
		held = fmt.Sprintf("%s, and %d more Pods wait for theirs", held, left-1)
	}
	return out, held
}
