// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/operator/preview"
)

// foreteller says what becomes of the Pods of a set. It asks a planner what that would do if there were no budget.
type foreteller struct {
	*planner
	// first is the plan of the first step, and begun are the Pods that it begins with.
	first *Plan
	begun sets.Set[string]
	out   *preview.Preview
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
	f := &foreteller{planner: p, first: first, begun: beginsWith(first)}
	f.out = &preview.Preview{Revision: first.Revisions.Update, New: first.Revisions.Create != nil}
	if p.hold() == HoldPaused {
		f.out.Rests = "spec.updateStrategy.rollingUpdate.paused is true"
	}
	f.members()
	for _, view := range f.plan.Layout.condemned {
		f.scaledDown(view)
	}
	for _, pod := range s.Released {
		f.add(pod.Name, preview.Released, "its name or labels are no longer those of the set's Pods")
	}
	f.note()
	f.out.Sort()
	return f.out, nil
}

// beginsWith names the Pods that a plan begins to change, to delete or to create.
func beginsWith(plan *Plan) sets.Set[string] {
	out := sets.New(plan.Rollout.Hooked...)
	for _, c := range plan.Change {
		if c.Updates || c.Toward != "" {
			out.Insert(c.View.Pod.Name)
		}
	}
	for _, d := range plan.Delete {
		out.Insert(d.View.Pod.Name)
	}
	for _, c := range plan.Create {
		out.Insert(c.Pod.Name)
	}
	return out.Insert(plan.Rollout.Growing...) // their claims are
}

// add adds what becomes of a Pod.
func (f *foreteller) add(name string, fate preview.Fate, why ...string) *preview.Pod {
	f.out.Pods = append(f.out.Pods, preview.Pod{Namespace: f.s.Set.Namespace, Name: name, Fate: fate, Why: why})
	return &f.out.Pods[len(f.out.Pods)-1]
}

// begin notes whether something is done about a Pod in the first step, and what it waits for if not.
func (f *foreteller) begin(pod *preview.Pod, ordinal int) {
	if pod.First = f.begun.Has(pod.Name); pod.First {
		return
	}
	rollout := &f.first.Rollout
	for i := range f.first.Blocked {
		if b := &f.first.Blocked[i]; b.Ordinal == ordinal {
			pod.Waits = b.Why
			return
		}
	}
	for i := range rollout.Waits {
		if w := &rollout.Waits[i]; slices.Contains(w.Pods, pod.Name) {
			pod.Waits = w.Why
			return
		}
	}
	if pod.Waits = f.turn(pod.Fate); rollout.Disrupted == pod.Name {
		pod.Waits = rollout.Disruption
	}
}

// turn says whom a Pod waits for that nothing but its turn keeps from being begun.
func (f *foreteller) turn(fate preview.Fate) string {
	switch {
	case fate == preview.Created && f.s.ordered():
		return "with OrderedReady the Pods before it have to be available first"
	case fate == preview.Created:
		return "others are created first"
	case fate == preview.Deleted:
		return "with OrderedReady the Pods after it go first, one at a time"
	case f.out.Rests != "":
		return ""
	}
	return fmt.Sprintf("others go first, %d at a time (maxUnavailable)", f.s.maxUnavailable())
}

// scaledDown is a Pod that there is to be no more. What is deleted with it does not come back.
func (f *foreteller) scaledDown(view *View) {
	why := []string{fmt.Sprintf("with replicas: %d there is to be no such ordinal", f.s.replicas())}
	if claims := f.scaledAway(view); len(claims) > 0 {
		why = append(why, "its claims "+strings.Join(claims, ", ")+" are deleted with it (whenScaled: Delete)")
	}
	f.begin(f.add(view.Pod.Name, preview.Deleted, why...), view.Ordinal)
}

// members are the Pods that there should be.
func (f *foreteller) members() {
	targets := sets.New[int]()
	for _, m := range f.targets() {
		targets.Insert(m.Ordinal)
	}
	kept := f.atOtherRevisions()
	for i := range f.plan.Layout.members {
		switch m := &f.plan.Layout.members[i]; {
		case m.missing():
			f.missing(m, &kept)
		case m.terminating():
			f.add(m.Pod.Name, preview.Recreated, "it is being deleted already")
		case m.ended():
			f.begin(f.add(m.Pod.Name, preview.Recreated, "it has ended, phase "+string(m.Pod.Status.Phase)), m.Ordinal)
		case m.Asked:
			f.begin(f.add(m.Pod.Name, preview.Recreated, "it carries the label "+v1beta1.SpecifiedDeleteLabel), m.Ordinal)
		case m.Revision == f.plan.Revisions.Update:
			f.current(m, targets.Has(m.Ordinal))
		case targets.Has(m.Ordinal):
			f.target(m)
		default:
			f.kept(m)
		}
	}
}

// missing is an ordinal without a Pod.
func (f *foreteller) missing(m *member, kept *int) {
	why := []string{"there is none yet"}
	if revision := f.revisionFor(m, kept); revision != f.plan.Revisions.Update {
		why = append(why, "the partition has it made from revision "+revision)
	}
	f.begin(f.add(podName(f.s.Set, m.Ordinal), preview.Created, why...), m.Ordinal)
}

// current is a Pod at the update revision. Its claims may still have to grow, which they do in its turn as an update does.
func (f *foreteller) current(m *member, target bool) {
	switch {
	case len(f.claimsToGrow(m.Ordinal)) == 0:
		f.add(m.Pod.Name, preview.Current)
	case f.s.onDelete():
		f.add(m.Pod.Name, preview.Kept, "its claims do not grow", "spec.updateStrategy.type is OnDelete")
	case !target:
		f.add(m.Pod.Name, preview.Kept, "its claims do not grow", f.partitioned())
	default:
		f.begin(f.add(m.Pod.Name, preview.Current, "its claims grow"), m.Ordinal)
	}
}

func (f *foreteller) partitioned() string {
	return fmt.Sprintf("spec.updateStrategy.rollingUpdate.partition (%d) keeps it", f.partition())
}

// kept is a Pod that the partition keeps at its revision; but for one that cannot run at a revision that was given up.
func (f *foreteller) kept(m *member) {
	givenUp := m.Revision != f.plan.Revisions.Current && f.s.strategy().UnorderedUpdate == nil
	if m.Broken != "" && givenUp && f.hold() == HoldNone {
		f.begin(f.add(m.Pod.Name, preview.Recreated, "it cannot run ("+m.Broken+") at a revision that was given up"), m.Ordinal)
		return
	}
	f.add(m.Pod.Name, preview.Kept, f.partitioned())
}

// target is a Pod that is to be brought to the update revision.
func (f *foreteller) target(m *member) {
	switch {
	case f.s.onDelete():
		f.add(m.Pod.Name, preview.WaitsUntilRecreated, "spec.updateStrategy.type is OnDelete")
	case f.notUpgradable(m.View):
		f.add(m.Pod.Name, preview.WaitsUntilRecreated, f.obstacles(m.View)...)
	case f.recreates(m.View):
		f.begin(f.add(m.Pod.Name, preview.Recreated, f.whyRecreated(m.View)...), m.Ordinal)
	default:
		pod := f.add(m.Pod.Name, preview.UpdatedInPlace)
		pod.Containers = containersOf(m.Pod, f.changeOf(m.View))
		if len(f.claimsToGrow(m.Ordinal)) > 0 {
			pod.Why = append(pod.Why, "its claims grow")
		}
		f.begin(pod, m.Ordinal)
	}
}

func (f *foreteller) whyRecreated(view *View) []string {
	if f.recreatedAlways(view) {
		policy := cmp.Or(f.s.strategy().PodUpdatePolicy, v1beta1.ReCreatePodUpdatePolicy)
		return []string{"spec.updateStrategy.rollingUpdate.podUpdatePolicy is " + string(policy)}
	}
	return f.obstacles(view)
}

// containersOf are the containers that a change in place changes.
func containersOf(pod *corev1.Pod, change inplace.Change) []preview.Container {
	names := sets.New(slices.Collect(maps.Keys(change.Images))...)
	names.Insert(slices.Collect(maps.Keys(change.Resources))...).Insert(slices.Collect(maps.Keys(change.Restart))...)
	var out []preview.Container
	for _, name := range sets.List(names) {
		_, restarts := change.Restart[name]
		c := preview.Container{Name: name, Restarts: restarts || slices.Contains(change.ResizeRestarts, name)}
		if has, image := pods.Image(pod, name), change.Images[name]; image != "" && image != has {
			c.From, c.To, c.Restarts = has, image, true
		}
		_, c.Resized = change.Resources[name]
		out = append(out, c)
	}
	return out
}

// note says what no Pod tells.
func (f *foreteller) note() {
	for _, claim := range f.first.Rollout.Unexpandable {
		f.out.Notes = append(f.out.Notes, "A claim cannot grow to what its template asks for: "+claim+".")
	}
	if f.s.strategy().UnorderedUpdate != nil && f.partition() > 0 {
		f.out.Notes = append(f.out.Notes, "With unorderedUpdate the partition keeps as many Pods, and which these are depends on what is then.")
	}
}
