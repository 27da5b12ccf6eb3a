// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// effectWarnings say that no new Pod would get the patch, or that those which get it would find no node. Its target,
// or the nodes, may come later: hence a warning and no refusal.
func effectWarnings(input Input) []string {
	patch, err := schedpatch.Compile(input.Patch)
	if err != nil || !patch.ActiveAt(input.Now) {
		return nil
	}
	around := &input.Around
	if contradictions := patch.Contradictions(); len(contradictions) > 0 {
		return []string{"spec: no Pod gets this SchedPatch: " + contradictions[0]}
	}
	if around.Absent && len(around.Near) > 0 {
		return []string{"spec.targetRef: " + schedpatch.Absent(&input.Patch.Spec.TargetRef, input.Namespace.Name, around.Near)}
	}
	if warning := templateWarning(patch, around.Template); warning != "" {
		return []string{warning}
	}
	return nodeWarnings(patch, around)
}

// templateWarning says what keeps the patch from every Pod of the target's template.
func templateWarning(patch *schedpatch.Patch, template *schedpatch.Template) string {
	if template == nil || !patch.SelectsPod(template.Labels) {
		return ""
	}
	_, results := schedpatch.Merge(schedpatch.RulesOf(&template.Spec), []*schedpatch.Patch{patch})
	switch result := &results[0]; result.Outcome {
	case schedpatch.OutcomeSkipped:
		return fmt.Sprintf("spec: new Pods of %s are created without this SchedPatch: %s. Change one of the two", patch.Target(), result.Message)
	case schedpatch.OutcomeRejected:
		return fmt.Sprintf("spec: new Pods of %s are denied, since onConflict is %s: %s. Change one of the two, or set onConflict to %s",
			patch.Target(), v1alpha1.SchedPatchConflictReject, result.Message, v1alpha1.SchedPatchConflictSkip)
	default:
		return ""
	}
}

// nodeWarnings name what no node meets: the nodes that are known are all nodes, and none of them meets the patch. Where
// none would do without the patch either, it is not to blame.
func nodeWarnings(patch *schedpatch.Patch, around *Around) []string {
	if len(around.Nodes) == 0 || around.Template != nil && !patch.SelectsPod(around.Template.Labels) {
		return nil
	}
	without := ""
	if around.Template != nil {
		before := fitting(around.Nodes, schedpatch.RulesOf(&around.Template.Spec))
		if before == 0 {
			return nil
		}
		without = fmt.Sprintf(", without it those of %d", before)
	}
	return []string{fmt.Sprintf("spec: Pods with this SchedPatch stay Pending until a node comes that meets it: the labels of 0 "+
		"of %d nodes do%s. It demands %s",
		len(around.Nodes), without, patch.Demands())}
}

// fitting counts the nodes whose labels meet the rules.
func fitting(nodes []*corev1.Node, rules *schedpatch.Rules) int {
	fits, count := schedpatch.Matches(rules), 0
	for _, node := range nodes {
		if fits(node) {
			count++
		}
	}
	return count
}
