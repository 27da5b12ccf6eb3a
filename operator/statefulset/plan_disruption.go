// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/internal/workload"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// disruptionLooks is how long to wait at most while a PodDisruptionBudget allows none: Pods of others that it counts
// bring no event.
const disruptionLooks = 30 * time.Second

// respects reports whether updates ask the PodDisruptionBudgets of a Pod that serves.
func (s *Snapshot) respects() bool {
	return s.strategy().DisruptionBudgets == v1beta1.RespectDisruptionBudgets
}

// serves reports whether any Pod serves and goes on to, as far as anybody in this process knows.
func (s *Snapshot) serves(pod *corev1.Pod) bool {
	return !s.Takes.Taken(pod) && sidecar.Serves(pod)
}

// undisrupted leaves out of the chosen targets those whose PodDisruptionBudgets do not let them go now. The first one
// that serves and has to wait ends the walk for all that serve: nobody goes around it, since their order has a meaning.
// What has begun already is not asked again, and has its share.
func (p *planner) undisrupted(targets []*member, state []target, chosen []int) []int {
	if !p.s.respects() {
		return chosen
	}
	for _, i := range chosen {
		if state[i].begun && p.disrupts(targets[i].View) {
			p.takeDisruption(targets[i].View)
		}
	}
	out := make([]int, 0, len(chosen))
	for _, i := range chosen {
		view := targets[i].View
		if !state[i].begun && p.disrupts(view) {
			if p.plan.Rollout.Disruption != "" || !p.mayDisrupt(view) {
				continue
			}
			p.takeDisruption(view)
		}
		out = append(out, i)
	}
	return out
}

// disrupts reports whether the update of a Pod takes it out of service.
func (p *planner) disrupts(view *View) bool {
	updated := view.Revision == p.plan.Revisions.Update
	if !pods.Ready(view.Pod) || updated && len(inplace.Owed(view.Pod)) == 0 {
		return false
	}
	return !updated && p.recreates(view) || p.changeOf(view).RestartsContainers(view.Pod)
}

// mayDisrupt reports whether all budgets of a Pod let it go, and notes which one does not.
func (p *planner) mayDisrupt(view *View) bool {
	words := p.obstacle(view)
	if words == "" {
		return true
	}
	p.plan.Rollout.Disruption, p.plan.Rollout.Disrupted = words, view.Pod.Name
	return false
}

// obstacle says which budget does not let a Pod go, "" when all do, and sees to it that it is asked again.
func (p *planner) obstacle(view *View) string {
	budget, words := p.disruption().Obstacle(view.Pod)
	if budget != nil {
		p.plan.Rollout.DisruptionBudgets = append(p.plan.Rollout.DisruptionBudgets, budget.Key())
		p.soon(disruptionLooks)
	}
	return words
}

// takeDisruption takes a Pod from each of its budgets.
func (p *planner) takeDisruption(view *View) {
	for _, key := range p.disruption().Take(view.Pod) {
		p.takes[view] = append(p.takes[view], ledger.Budget{Kind: ledger.DisruptionBudget, NamespacedName: key})
	}
}

// takesOf are the budgets that a Pod is taken from: its PodDisruptionBudgets where they are respected, and, if it serves,
// always its workload. Nobody asks that one here, but a SidecarSet leaves the last Pod of it that serves alone.
func (p *planner) takesOf(view *View) []ledger.Budget {
	takes := p.takes[view]
	if pods.Ready(view.Pod) {
		takes = append(slices.Clip(takes), ledger.Budget(workload.Of(view.Pod)))
	}
	return takes
}

// disruption is what this plan has left of PodDisruptionBudgets.
func (p *planner) disruption() *disruption.Counter {
	if p.budgets == nil {
		p.budgets = disruption.NewCounter(p.s.Disruption, p.s.serves)
	}
	return p.budgets
}

// evicts reports whether the API server is asked for the end of a Pod as for an eviction, which its PodDisruptionBudgets
// may refuse. Those that do not serve go as ever, and so do those that there are to be fewer of.
func (p *planner) evicts(view *View, cause Cause) bool {
	return p.s.respects() && (cause == CauseUpdate || cause == CauseAsked) && pods.Ready(view.Pod) && !p.condemned[view]
}
