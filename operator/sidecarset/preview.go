// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/preview"
)

// foreteller says what becomes of the Pods of a set. It asks a planner what that would do if there were no budget.
type foreteller struct {
	*planner
	// first is the plan of the first step.
	first *Plan
	// waits is what Pods wait for in it, and begun are those that do not.
	waits map[*sidecar.View]string
	begun map[*sidecar.View]bool
	// partitioned tells that the partition keeps Pods.
	partitioned bool
	out         *preview.Preview
}

// makePreview says what the plans of a set come to.
func makePreview(s *Snapshot) (*preview.Preview, error) {
	first, err := makePlan(s)
	if err != nil {
		return nil, err
	}
	p, err := newPlanner(s)
	if err != nil {
		return nil, err
	}
	f := &foreteller{planner: p, first: first, waits: map[*sidecar.View]string{}, begun: map[*sidecar.View]bool{}}
	f.out = &preview.Preview{Revision: first.Revisions.Current, New: first.Revisions.Create != nil, Rests: f.rests()}
	f.readFirst()
	if err := f.matched(); err != nil {
		return nil, err
	}
	f.uninjected()
	f.note()
	f.out.Sort()
	return f.out, nil
}

// rests says why no Pod is updated before that changes.
func (f *foreteller) rests() string {
	switch f.first.Hold {
	case HoldPaused:
		return "spec.updateStrategy.paused is true"
	case HoldAutoPaused:
		return "Pods that got this version have failed, and spec.updateStrategy.autoPauseOnFailure is true"
	}
	return ""
}

// readFirst sorts out who is begun in the first step, and what the others wait for.
func (f *foreteller) readFirst() {
	for i := range f.first.Waiting {
		w := &f.first.Waiting[i]
		for _, view := range w.Pods {
			f.waits[view] = w.Reason + ": " + w.Words
		}
	}
	for _, u := range f.first.Updates {
		f.begun[u.View] = true
	}
	for i := range f.first.Holds {
		if h := &f.first.Holds[i]; h.Begins != nil { // what it waits for then is a part of its update
			f.begun[h.View] = true
			delete(f.waits, h.View)
		}
	}
}

// add adds what becomes of a Pod.
func (f *foreteller) add(pod *corev1.Pod, fate preview.Fate, why ...string) *preview.Pod {
	f.out.Pods = append(f.out.Pods, preview.Pod{Namespace: pod.Namespace, Name: pod.Name, Fate: fate, Why: why})
	return &f.out.Pods[len(f.out.Pods)-1]
}

// matched are the Pods that have the sidecars.
func (f *foreteller) matched() error {
	candidates := f.candidates()
	sorted := sets.New[*sidecar.View]()
	for _, n := range f.plan.NotUpgradable {
		sorted.Insert(n.View)
		f.add(n.View.Pod, preview.WaitsUntilRecreated, n.Why...)
	}
	targets, kept := f.targets(candidates)
	f.partitioned = len(kept) > 0
	if f.set.Spec.UpdateStrategy.Type == v1beta1.NotUpdateSidecarSetStrategyType {
		targets, kept, f.partitioned = nil, candidates, false
	}
	for _, c := range kept {
		sorted.Insert(c.View)
		f.add(c.Pod, preview.Kept, f.whyKept())
	}
	for _, c := range targets {
		sorted.Insert(c.View)
		if err := f.target(c); err != nil {
			return err
		}
	}
	for _, view := range f.s.Matched {
		switch {
		case sorted.Has(view):
		case view.Updated():
			f.add(view.Pod, preview.Current)
		default:
			f.add(view.Pod, preview.Kept, "spec.updateStrategy.selector does not select it")
		}
	}
	return nil
}

func (f *foreteller) whyKept() string {
	strategy := &f.set.Spec.UpdateStrategy
	if strategy.Type == v1beta1.NotUpdateSidecarSetStrategyType {
		return "spec.updateStrategy.type is NotUpdate"
	}
	return fmt.Sprintf("spec.updateStrategy.partition (%s) keeps as many", strategy.Partition)
}

// target is a Pod that is to be updated.
func (f *foreteller) target(c *candidate) error {
	update, err := f.updateOf(c, "")
	if err != nil {
		return err
	}
	pod := f.add(c.Pod, preview.UpdatedInPlace)
	pod.Containers = f.containers(c.View, update.Change)
	pod.First, pod.Waits = f.begun[c.View], f.waits[c.View]
	return nil
}

// containers are those that an update changes.
func (f *foreteller) containers(view *sidecar.View, change *sidecar.Update) []preview.Container {
	restarted := f.set.ResizeRestarts(change.Resources)
	names := sets.New(slices.Collect(maps.Keys(change.Images))...).Insert(slices.Collect(maps.Keys(change.Resources))...)
	var out []preview.Container
	for _, name := range sets.List(names) {
		c := preview.Container{Name: name, Restarts: slices.Contains(restarted, name)}
		if image := change.Images[name]; image != "" {
			c.From, c.To, c.Restarts = pods.Image(view.Pod, name), image, true
		}
		_, c.Resized = change.Resources[name]
		out = append(out, c)
	}
	return out
}

// uninjected are the Pods without the sidecars: nothing brings these into a running Pod, but repair has it created anew.
func (f *foreteller) uninjected() {
	for _, pod := range f.s.Exempt {
		f.add(pod, preview.Uninjected, v1beta1.ReasonNamespaceNotServed)
	}
	repaired, evicted := sets.New[types.UID](), sets.New[types.UID]()
	if f.set.Spec.RepairPolicy == v1beta1.RepairRecreate && !f.set.Spec.InjectionStrategy.Paused {
		for _, e := range f.repairable() {
			repaired.Insert(e.Pod.UID)
		}
	}
	for _, e := range newRound(f.first).next(len(f.first.Evictions)) {
		evicted.Insert(e.Pod.UID)
	}
	for _, u := range f.s.Uninjected {
		if !repaired.Has(u.Pod.UID) {
			f.add(u.Pod, preview.Uninjected, u.Reason)
			continue
		}
		pod := f.add(u.Pod, preview.Recreated, "spec.repairPolicy is Recreate, and it is without the sidecars: "+u.Reason)
		if pod.First = evicted.Has(u.Pod.UID); !pod.First {
			pod.Waits = f.repairTurn()
		}
	}
}

// repairTurn says what Pods wait for that are not evicted in the first step.
func (f *foreteller) repairTurn() string {
	switch {
	case f.first.Repair != "":
		return f.first.Repair
	case f.first.Probe:
		return "one goes first, to see whether it helps"
	}
	return "as many as maxUnavailable allows go first"
}

// note says what no Pod tells.
func (f *foreteller) note() {
	outdated := slices.ContainsFunc(f.s.Matched, func(view *sidecar.View) bool { return !view.Updated() })
	if f.out.New && len(f.s.Matched) > 0 && !outdated {
		f.out.Notes = append(f.out.Notes, "The version is a new one, and in what running Pods can have it is as the one before: "+
			"only new Pods get what is different.")
	}
	if f.partitioned {
		f.out.Notes = append(f.out.Notes, "Which Pods the partition keeps depends on which serve then: those that have served longest, "+
			"unless priorityStrategy or scatterStrategy say otherwise.")
	}
	if f.first.Repair != "" {
		f.out.Notes = append(f.out.Notes, "Pods without the sidecars are not created anew now: "+f.first.Repair+".")
	}
}

// released are the Pods that had the sidecars of a set which does not select them any more.
func released(before, after *Snapshot) []preview.Pod {
	still := sets.New[types.UID]()
	for _, view := range after.Matched {
		still.Insert(view.Pod.UID)
	}
	for _, pod := range slices.Concat(after.Exempt, after.Beside) {
		still.Insert(pod.UID)
	}
	for _, u := range after.Uninjected {
		still.Insert(u.Pod.UID)
	}
	var out []preview.Pod
	for _, view := range before.Matched {
		if !still.Has(view.Pod.UID) {
			out = append(out, preview.Pod{
				Namespace: view.Pod.Namespace, Name: view.Pod.Name, Fate: preview.Released, Why: []string{"the set does not select it any more"},
			})
		}
	}
	return out
}
