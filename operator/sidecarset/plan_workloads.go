// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/internal/workload"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/report"
)

// workloads are those of the Pods that a set selects, counted when a rule first asks for one.
type workloads map[workload.ID]*workloadPods

// workloadPods are the Pods of one workload that the set selects.
type workloadPods struct {
	id workload.ID
	// pods is how many they are, down how many of them do not serve: whoever's doing it is, and those included that were
	// evicted and have no successor, and those that this plan takes.
	pods, down int
	// ours is whether the set has a part in it, others are the Pods that are down without it.
	ours   bool
	others []*corev1.Pod
	// words say that no more may go down; they are made when they are needed.
	words string
}

// podsOf finds the Pods of a workload.
func (p *planner) podsOf(id workload.ID) *workloadPods {
	if p.workloads == nil {
		p.countWorkloads()
	}
	return p.workloads[id]
}

func (p *planner) countWorkloads() {
	p.workloads = workloads{}
	for _, view := range p.s.Matched {
		w := p.workloads.of(view.Workload())
		w.pods++
		switch {
		case p.serves(view):
		case charged(p.s, view):
			w.down, w.ours = w.down+1, true
		default:
			w.down, w.others = w.down+1, append(w.others, view.Pod)
		}
	}
	for _, u := range p.s.Uninjected {
		w := p.workloads.of(workload.Of(u.Pod))
		w.pods++
		if !p.s.servesOn(u.Pod) {
			w.down, w.others = w.down+1, append(w.others, u.Pod)
		}
	}
	p.countBeside()
	for _, id := range unreplaced(p.s) {
		w := p.workloads.of(id)
		w.pods, w.down, w.ours = w.pods+1, w.down+1, true
	}
}

func (all workloads) of(id workload.ID) *workloadPods {
	w := all[id]
	if w == nil {
		w = &workloadPods{id: id}
		all[id] = w
	}
	return w
}

// serves reports whether a Pod of the set serves and goes on to, and gives no share of a budget to the set. One that lacks
// nothing but what the API server refuses does, unless somebody else is changing it.
func (p *planner) serves(view *sidecar.View) bool {
	if p.s.keepsShare(view) {
		return false
	}
	refused := view.Disturbed() && p.s.onlyRefused(view) && !view.ChangedByOthers() && !p.s.Takes.Taken(view.Pod)
	return !p.s.restarting(view) && (p.s.serves(view) || refused)
}

// workloadDown holds back a Pod of a workload of which as many are down as may be. One that counts as down itself, on its
// way to minReadySeconds, costs no more.
func (p *planner) workloadDown(c *candidate) (words string, waits bool) {
	if c.Workload().Kind == workload.KindPod {
		return "", false // it is the only one, and serves
	}
	w := p.podsOf(c.Workload())
	limit, limited := perWorkload(p.s.Set.Spec.UpdateStrategy.MaxUnavailablePerWorkload, w.pods)
	if !limited || w.down < limit || w.down == limit && !p.serves(c.View) {
		return "", false
	}
	if w.words == "" {
		w.words = w.say(limit)
	}
	return w.words, true
}

// say tells how many Pods are down, and names those that the set has no part in if there are no others.
func (w *workloadPods) say(limit int) string {
	text := fmt.Sprintf("%s has %d of %d down (limit %d)", w.id, w.down, w.pods, limit)
	if w.ours || len(w.others) == 0 {
		return text
	}
	names := report.NamesOf(w.others, func(pod *corev1.Pod) string { return pod.Name })
	slices.Sort(names)
	return fmt.Sprintf("%s, not by this rollout: %s", text, report.NamesUpTo(3, names))
}

// takeFromWorkload counts a Pod that goes down.
func (p *planner) takeFromWorkload(c *candidate) {
	c.takes = append(c.takes, ledger.Budget(c.Workload()))
	if c.Workload().Kind == workload.KindPod {
		return
	}
	w := p.podsOf(c.Workload())
	if p.serves(c.View) {
		w.down++
	}
	w.ours = true
}

// perWorkload resolves how many Pods of a workload may be down. A percentage rounds down, since the smaller side is the
// safe one, but one may always be; 100 % is no limit. Without the field it is all but one: the last Pod that serves is not
// taken, unless it is the only one.
func perWorkload(value *intstr.IntOrString, pods int) (limit int, limited bool) {
	if value == nil {
		return max(1, pods-1), true
	}
	limit, err := intstr.GetScaledValueFromIntOrPercent(value, pods, false)
	if err != nil {
		return 1, true // the schema refuses what cannot be read
	}
	return max(1, limit), *value != intstr.FromString("100%")
}
