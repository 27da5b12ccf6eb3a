// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/scheduling"
	"github.com/windlass-operator/windlass/operator/report"
)

// noNode says that new Pods get the patch and find no node, "" when they find one or it is not known. The patch is to
// blame only where a node would take them without it.
func noNode(s *Snapshot, plan *Plan) (blame bool, message string) {
	if !nodesTell(s, len(plan.Patched)) || slices.ContainsFunc(s.Nodes, fits(&plan.NewPods.With)) {
		return false, ""
	}
	before := len(eligible(s.Nodes, &plan.NewPods.Without))
	if before == 0 {
		return false, fmt.Sprintf("0 of %s would take them now, with the patch or without it.", report.Count(len(s.Nodes), "node"))
	}
	return true, fmt.Sprintf("New Pods of %s get the patch and stay Pending: 0 of %s are left for them, without the patch %d. It demands %s. "+
		"Correct the patch, or wait for a node that meets it, as a cluster autoscaler may add one. "+
		"Node selectors, required node affinity and taints were looked at.",
		describe(s.Object), report.Count(len(s.Nodes), "node"), before, s.Patch.Demands())
}

// nodesTell reports whether it can be said which nodes the next Pod may go to: not by a Pod that stands in for a
// template, since it may carry the patch, and not where the next Pod does not get the patch.
func nodesTell(s *Snapshot, patched int) bool {
	if s.preview() || s.Template == nil || s.Template.Pod != "" || len(s.Nodes) == 0 || s.full(patched) {
		return false
	}
	return s.Patch.SelectsPod(s.Template.Labels)
}

// eligible names the nodes on which the scheduler may put a Pod with the rules, sorted, as far as node selector,
// required node affinity and taints go. Resources, volumes and other Pods are not looked at.
func eligible(nodes []*corev1.Node, rules *sched.Rules) []string {
	fit := fits(rules)
	var out []string
	for _, node := range nodes {
		if fit(node) {
			out = append(out, node.Name)
		}
	}
	slices.Sort(out)
	return out
}

// fits makes the question whether a node is eligible.
func fits(rules *sched.Rules) func(*corev1.Node) bool {
	return scheduling.Allows(rules.NodeSelector, rules.Affinity, rules.Tolerations)
}
