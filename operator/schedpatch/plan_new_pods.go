// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"slices"

	"github.com/windlass-operator/windlass/api/v1beta1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// NewPods is what becomes of a Pod that is made from the target's template now. The merge is that of admission.
type NewPods struct {
	// With are the rules that the Pod gets, Without those that it would get if this patch were not there.
	With, Without sched.Rules
	// Result is what becomes of this patch, and Others what would become of the others without it.
	Result sched.Result
	Others []sched.Result
	// Obstacle is what keeps the patch from the Pod; nil when nothing does.
	Obstacle *Obstacle
}

// Obstacle is what keeps the patch from every new Pod of the target.
type Obstacle struct {
	// Reason is one of the API's, and Message says the same for people.
	Reason, Message string
	// Denied: the Pods are not even created.
	Denied bool
}

// remedy says what to do, as a sentence that goes on after another.
func (o *Obstacle) remedy() string {
	if o.Reason == v1beta1.ReasonConflict {
		return " Change one of the two."
	}
	return ""
}

// newPods makes a Pod of the template into what admission would.
func (p *planner) newPods() {
	if p.s.Template == nil {
		return
	}
	spec := &p.s.Template.Spec
	with, results := sched.Merge(sched.RulesOf(spec), append([]*sched.Patch{p.s.Patch}, p.s.Others...))
	without, others := sched.Merge(sched.RulesOf(spec), p.s.Others)
	out := &NewPods{With: with, Without: without, Others: others}
	for _, result := range results {
		if result.Patch == p.s.Patch {
			out.Result = result
		}
	}
	out.Obstacle = obstacle(spec.NodeName, out.Result)
	p.plan.NewPods = out

	earlier := slices.DeleteFunc(slices.Clone(p.s.Others), func(other *sched.Patch) bool { return sched.Compare(other, p.s.Patch) > 0 })
	before, _ := sched.Merge(&sched.Rules{Affinity: spec.Affinity}, earlier)
	p.affinity = before.Affinity
}

// obstacle is nil when there is none.
func obstacle(node string, result sched.Result) *Obstacle {
	switch {
	case node != "":
		return &Obstacle{
			Reason:  v1beta1.ReasonNodeNamed,
			Message: "the Pod template sets spec.nodeName to " + node + ": its Pods never meet the scheduler",
		}
	case result.Outcome == sched.OutcomeApplied:
		return nil
	}
	return &Obstacle{Reason: string(result.Reason), Message: result.Message, Denied: result.Outcome == sched.OutcomeRejected}
}
