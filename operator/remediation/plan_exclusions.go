// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// endings are why an exclusion ends before its time, in order.
var endings = []struct {
	name string
	why  func(p *planner, e *Exclusion) string
}{
	{"the Node is gone", nodeGone},
	{"it is another Node by now", nodeAnother},
	{"the Node was rebooted", nodeRebooted},
	{"a new revision arrived", revisionGone}, // what was seen proves nothing any more
	{"a person removed the entry", entryRemoved},
	{"the same has started there", startedThere},
}

// endExclusions ends the exclusions that have lost their ground.
func (p *planner) endExclusions() {
	for _, e := range p.record.actives(p.s.Now) {
		for _, ending := range endings {
			if why := ending.why(p, e); why != "" {
				p.lifted(e, why)
				break
			}
		}
	}
}

// lifted ends an exclusion now.
func (p *planner) lifted(e *Exclusion, why string) {
	e.end(p.s.Now)
	p.plan.Ended = append(p.plan.Ended, Ending{Node: e.Node, Why: why})
}

func nodeGone(p *planner, e *Exclusion) string {
	if p.s.Nodes[e.Node] == nil {
		return "the Node is gone"
	}
	return ""
}

func nodeAnother(p *planner, e *Exclusion) string {
	if e.UID != "" && p.s.Nodes[e.Node].UID != e.UID {
		return "it is another Node of that name by now"
	}
	return ""
}

func nodeRebooted(p *planner, e *Exclusion) string {
	if e.BootID != "" && p.s.Nodes[e.Node].Status.NodeInfo.BootID != e.BootID {
		return "it was rebooted"
	}
	return ""
}

func revisionGone(p *planner, e *Exclusion) string {
	if !p.s.valid(e.Key.Revision) {
		return "there is a new revision"
	}
	return ""
}

// entryRemoved: annotation and rule are written at once, so a node that one has and the other has not was taken out by
// somebody else.
func entryRemoved(p *planner, e *Exclusion) string {
	if p.s.Patch != nil && !excludes(p.s.Patch.Spec.Affinity, e) {
		return "a person removed it from SchedPatch " + p.s.Patch.Name
	}
	return ""
}

// startedThere looks for a first start after the exclusion began. A container that ran there before, or only runs
// again, proves nothing. Nor does any start where the kubelet refused a Pod: it may have taken the other one before.
func startedThere(p *planner, e *Exclusion) string {
	if e.Key.Refused {
		return ""
	}
	for i := range p.s.Pods {
		pod := &p.s.Pods[i]
		if pod.Spec.NodeName != e.Node || pod.Revision != e.Key.Revision || pod.Changing {
			continue
		}
		if _, first := starts(pod.Pod, e.Key.Image); first.After(e.FirstSeen.Time) {
			return fmt.Sprintf("Pod %s has started there", pod.Name)
		}
	}
	return ""
}

// unschedulableTime is how long a Pod must have found no node before an exclusion is lifted for it.
const unschedulableTime = time.Minute

// lift ends the oldest exclusion that keeps a Pod from being scheduled. A Pod that was made under an exclusion which is
// over is recreated first.
func (p *planner) lift() {
	for i := range p.s.Pods {
		if !p.unschedulable(i) || p.outdated(&p.s.Pods[i]) != "" {
			continue
		}
		pod := &p.s.Pods[i]
		fitting := slices.DeleteFunc(p.record.actives(p.s.Now), func(e *Exclusion) bool { return !carries(pod.Pod, e) || !p.fits(pod, e.Node) })
		if len(fitting) == 0 {
			continue
		}
		oldest := slices.MinFunc(fitting, func(a, b *Exclusion) int { return a.FirstSeen.Compare(b.FirstSeen.Time) })
		p.lifted(oldest, fmt.Sprintf("Pod %s has been unschedulable since %s and would fit there", pod.Name, clockTime(p.seen[i].since)))
		return
	}
}

// unschedulable reports whether a Pod that carries our SchedPatch has found no node for a while.
func (p *planner) unschedulable(i int) bool {
	pod, e := &p.s.Pods[i], &p.seen[i]
	return e.kind == unscheduled && pod.Right && !pod.Changing && pod.DeletionTimestamp == nil && p.s.Details[pod.UID] != nil &&
		p.waited(e) > unschedulableTime && marked(pod.Pod, p.s.patchName())
}

// marked reports whether a Pod carries a SchedPatch, in whatever version.
func marked(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(schedpatch.Applied(pod.Annotations), func(m schedpatch.Mark) bool { return m.Name == name })
}

// outdated names a node that a Pod is kept away from though its exclusion is over, "" when there is none. The rules of
// a Pod cannot be changed.
func (p *planner) outdated(pod *Pod) string {
	for i := range p.record.Exclusions {
		if e := &p.record.Exclusions[i]; !e.ActiveAt(p.s.Now) && carries(pod.Pod, e) {
			return e.Node
		}
	}
	return p.forgotten(pod)
}

// forgotten names a node that a Pod is kept away from by an exclusion that the record does not know any more, as after
// a person deleted the SchedPatch; "" when there is none. A Pod that carries the SchedPatch as it is would get the same
// rules again, and so would one whose template has them.
func (p *planner) forgotten(pod *Pod) string {
	if !marked(pod.Pod, p.s.patchName()) || p.carriesStored(pod) {
		return ""
	}
	template := &corev1.Pod{Spec: p.s.Set.Spec.Template.Spec}
	for _, name := range slices.Sorted(maps.Keys(p.s.Nodes)) {
		byHostname := &Exclusion{Node: name, Hostname: p.s.Nodes[name].Labels[corev1.LabelHostname]}
		for _, e := range []*Exclusion{byHostname, {Node: name}} {
			if !p.record.active(name, p.s.Now) && carries(pod.Pod, e) && !carries(template, e) {
				return name
			}
		}
	}
	return ""
}

// carriesStored reports whether a Pod carries our SchedPatch as it is stored.
func (p *planner) carriesStored(pod *Pod) bool {
	if p.s.Patch == nil {
		return false
	}
	patch, err := schedpatch.Compile(p.s.Patch)
	return err == nil && patch.Carries(pod.Annotations)
}

// carries reports whether the rules of a Pod keep it away from an excluded node.
func carries(pod *corev1.Pod, e *Exclusion) bool {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return false
	}
	required := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	excludes := func(t corev1.NodeSelectorTerm) bool { return termExcludes(&t, e) }
	return required != nil && slices.ContainsFunc(required.NodeSelectorTerms, excludes)
}

// recreate begins to recreate a Pod that finds no node because of an exclusion that is over. Nothing of it has ever
// run.
func (p *planner) recreate() bool {
	for i := range p.s.Pods {
		pod := &p.s.Pods[i]
		if !p.unschedulable(i) || p.outdated(pod) == "" || p.forbidden(pod) != "" {
			continue
		}
		attempt := Attempt{Ordinal: pod.Ordinal, Revision: pod.Revision, Deletes: p.deletes(pod), Last: p.s.now(), Pod: pod.UID}
		p.record.begin(attempt)
		p.enter(attempt.Pod, "")
		p.plan.Moving = &Moving{Attempt: attempt, Pod: pod, Awaits: "this to be recorded"}
		return true
	}
	return false
}
