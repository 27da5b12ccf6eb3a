// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/operator/report"
)

const (
	// maxEligibleNodes is how many nodes a preview names.
	maxEligibleNodes = 10
	// maxConflicts is how many conflicts a preview names.
	maxConflicts = 20
	// maxWarnings is how many warnings a preview has. The API allows one more, which says that something was left out.
	maxWarnings = 31
)

// makePreview says what would happen to a Pod made from the target's template now. It is nil for an active patch, and
// where there is nothing to go by.
func makePreview(s *Snapshot, pods *NewPods) *v1alpha1.SchedPatchPreviewStatus {
	if !s.preview() || pods == nil {
		return nil
	}
	before, after := eligible(s.Nodes, &pods.Without), eligible(s.Nodes, &pods.With)
	conflicts := pods.Result.Conflicts
	preview := &v1alpha1.SchedPatchPreviewStatus{
		Affinity: pods.With.Affinity, Tolerations: pods.With.Tolerations, NodeSelector: pods.With.NodeSelector,
		EligibleNodesBefore: int32(len(before)), EligibleNodesAfter: int32(len(after)),
		EligibleNodes: after[:min(len(after), maxEligibleNodes)],
		Conflicts:     conflicts[:min(len(conflicts), maxConflicts)],
	}
	all := warnings(s, pods, len(before), len(after))
	preview.Warnings = all[:min(len(all), maxWarnings)]
	return preview
}

// warnings are what is to be said of a patch before it has an effect. before and after are how many nodes would take a new
// Pod without it and with it.
func warnings(s *Snapshot, pods *NewPods, before, after int) []string {
	return slices.Concat(doubts(s, &pods.Result), consequences(s, before, after), denials(pods.Others))
}

// doubts say why Pods would not get the patch, or other Pods than those of the preview would.
func doubts(s *Snapshot, result *sched.Result) []string {
	var out []string
	if s.Template.Pod != "" {
		out = append(out, fmt.Sprintf("%s has no Pod template: this is what would have become of Pod %s.", describe(s.Object), s.Template.Pod))
	}
	if !s.Patch.SelectsPod(s.Template.Labels) {
		out = append(out, "podSelector does not select the labels of the Pod template; "+
			"only Pods that get other labels besides would be patched.")
	}
	if node := s.Template.Spec.NodeName; node != "" {
		out = append(out, fmt.Sprintf(
			"The Pod template sets spec.nodeName to %s: its Pods never meet the scheduler and are not patched.", node))
	}
	switch result.Outcome {
	case sched.OutcomeApplied:
	case sched.OutcomeSkipped:
		out = append(out, fmt.Sprintf("The Pod would be created without the patch: %s.", result.Message))
	case sched.OutcomeRejected:
		out = append(out, fmt.Sprintf("The Pod would be denied, since onConflict is %s: %s.", v1alpha1.SchedPatchConflictReject, result.Message))
	}
	return out
}

// denials name the other patches that deny the Pod whatever this one does.
func denials(others []sched.Result) []string {
	var out []string
	for _, result := range others {
		if result.Outcome == sched.OutcomeRejected {
			out = append(out, fmt.Sprintf("SchedPatch %s denies such Pods: %s.", result.Patch.Name(), result.Message))
		}
	}
	return out
}

// consequences say what the rules would lead to.
func consequences(s *Snapshot, before, after int) []string {
	var out []string
	switch {
	case before == 0:
		out = append(out, "No node is eligible, with the patch or without it.")
	case after == 0:
		out = append(out, fmt.Sprintf("No node is left: Pods would stay Pending. Without the patch %d of %s would take them; it demands %s.",
			before, report.Count(len(s.Nodes), "node"), s.Patch.Demands()))
	}
	if s.Patch.DemandsLabel(corev1.LabelHostname) {
		out = append(out, "It demands something of the label "+corev1.LabelHostname+": Karpenter starts no node for Pods that do.")
	}
	if s.Patch.NarrowsNodes() && slices.ContainsFunc(s.Template.Spec.TopologySpreadConstraints, countsExcludedNodes) {
		out = append(out, "A topologySpreadConstraint on "+corev1.LabelHostname+" with nodeAffinityPolicy Ignore "+
			"also counts the nodes that the patch excludes, so Pods may stay pending.")
	}
	return out
}

func countsExcludedNodes(c corev1.TopologySpreadConstraint) bool {
	return c.TopologyKey == corev1.LabelHostname && c.WhenUnsatisfiable == corev1.DoNotSchedule &&
		c.NodeAffinityPolicy != nil && *c.NodeAffinityPolicy == corev1.NodeInclusionPolicyIgnore
}
