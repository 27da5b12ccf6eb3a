// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/scheduling"
	operator "github.com/windlass-operator/windlass/operator/schedpatch"
)

// Nodes are those that would take a Pod made from the template of a SchedPatch's target now, as the operator judges
// them: by node selector, required node affinity and taints.
type Nodes struct {
	// Kept take it with the patch as without, Lost without it alone, Gained with it alone.
	Kept, Lost, Gained []string
	// Neither are those that take it in no case.
	Neither int
}

// NodesOf judges nodes for the target of a SchedPatch; nil where there is no template to go by, and for a patch that cannot
// be used or has ended.
func NodesOf(patch *v1alpha1.SchedPatch, subject *Subject, around *Surroundings, nodes []*corev1.Node, now time.Time) *Nodes {
	a := &answerer{now: now, subject: subject, around: around, serving: around.serving()}
	var all []*sched.Patch
	var mine *sched.Patch
	for i := range around.SchedPatches {
		compiled, err := sched.Compile(&around.SchedPatches[i])
		if err != nil {
			continue // it says so in its own status
		}
		all = append(all, compiled)
		if compiled.Name() == patch.Name {
			mine = compiled
		}
	}
	if mine == nil || mine.ExpiredAt(metav1.NewTime(now)) {
		return nil
	}
	pods := operator.MakePlan(a.snapshot(mine, all)).NewPods
	if pods == nil {
		return nil
	}
	out := &Nodes{}
	without := scheduling.Allows(pods.Without.NodeSelector, pods.Without.Affinity, pods.Without.Tolerations)
	with := scheduling.Allows(pods.With.NodeSelector, pods.With.Affinity, pods.With.Tolerations)
	for _, node := range nodes {
		switch before, after := without(node), with(node); {
		case before && after:
			out.Kept = append(out.Kept, node.Name)
		case before:
			out.Lost = append(out.Lost, node.Name)
		case after:
			out.Gained = append(out.Gained, node.Name)
		default:
			out.Neither++
		}
	}
	for _, names := range [][]string{out.Kept, out.Lost, out.Gained} {
		slices.Sort(names)
	}
	return out
}
