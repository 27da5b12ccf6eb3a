// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// serves reports whether a Pod of the set serves and goes on to, as far as anybody in this process knows, and servesOn the
// same of any other Pod.
func (s *Snapshot) serves(view *sidecar.View) bool {
	return view.Serves() && !s.Takes.Taken(view.Pod)
}

func (s *Snapshot) servesOn(pod *corev1.Pod) bool {
	return !s.Takes.Taken(pod) && sidecar.Serves(pod)
}

// takenElsewhere holds back a Pod that another object is about to restart, though it does not show that yet.
func (p *planner) takenElsewhere(c *candidate) (words string, waits bool) {
	return "A change by another object is not at its end", p.s.Takes.Taken(c.Pod)
}

// disrupts holds back a Pod whose PodDisruptionBudgets would not let it be evicted.
func (p *planner) disrupts(c *candidate) (words string, waits bool) {
	if !p.s.respects() {
		return "", false
	}
	return p.disrupted(c.Pod)
}

// disrupted reports whether a PodDisruptionBudget does not let a Pod go, and says why.
func (p *planner) disrupted(pod *corev1.Pod) (words string, waits bool) {
	budget, words := p.disruption().Obstacle(pod)
	if budget == nil {
		return "", false
	}
	if !slices.Contains(p.plan.DisruptionBudgets, budget.Key()) {
		p.plan.DisruptionBudgets = append(p.plan.DisruptionBudgets, budget.Key())
	}
	return words, true
}

// takeDisruption takes a Pod from each of its PodDisruptionBudgets.
func (p *planner) takeDisruption(c *candidate) {
	c.takes = append(c.takes, p.takenBudgets(c.Pod)...)
}

// takenBudgets are the PodDisruptionBudgets of a Pod, from which it is taken now.
func (p *planner) takenBudgets(pod *corev1.Pod) (out []ledger.Budget) {
	for _, key := range p.disruption().Take(pod) {
		out = append(out, ledger.Budget{Kind: ledger.DisruptionBudget, NamespacedName: key})
	}
	return out
}

// disruption is what this plan has left of PodDisruptionBudgets.
func (p *planner) disruption() *disruption.Counter {
	if p.budgets == nil {
		p.budgets = disruption.NewCounter(p.s.Disruption, p.healthy())
	}
	return p.budgets
}

// healthy returns what tells whether a Pod serves, as PodDisruptionBudgets count it. Those of the set were looked at
// already, if they have not changed since.
func (p *planner) healthy() func(pod *corev1.Pod) bool {
	type known struct {
		version            string
		serves, keepsShare bool
	}
	matched := make(map[types.UID]known, len(p.s.Matched))
	for _, view := range p.s.Matched {
		matched[view.Pod.UID] = known{view.Pod.ResourceVersion, p.s.serves(view), p.s.keepsShare(view)}
	}
	return func(pod *corev1.Pod) bool {
		of, found := matched[pod.UID]
		if !found || of.version != pod.ResourceVersion {
			return p.s.servesOn(pod) && !of.keepsShare
		}
		return of.serves && !of.keepsShare
	}
}
