// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Rules are what decides which nodes a Pod may run on, as far as patches add to it.
type Rules struct {
	Affinity     *corev1.Affinity
	Tolerations  []corev1.Toleration
	NodeSelector map[string]string
}

// RulesOf are the rules of a Pod, or of a Pod template.
func RulesOf(spec *corev1.PodSpec) *Rules {
	return &Rules{Affinity: spec.Affinity, Tolerations: spec.Tolerations, NodeSelector: spec.NodeSelector}
}

// Outcome is what became of a patch for one Pod.
type Outcome string

const (
	// OutcomeApplied is that the Pod's rules now hold all that the patch says, whether or not something had to be
	// added.
	OutcomeApplied Outcome = "Applied"
	// OutcomeSkipped is that nothing of the patch was added; Reason and Message say why.
	OutcomeSkipped Outcome = "Skipped"
	// OutcomeRejected is OutcomeSkipped, and the Pod must not be created, because onConflict is Reject.
	OutcomeRejected Outcome = "Rejected"
)

// Reason says why a patch is not applied.
type Reason string

const (
	// ReasonConflict is that the Pod's nodeSelector has another value for a key, or that no node, whatever its labels,
	// meets the Pod's rules and the patch's.
	ReasonConflict Reason = v1beta1.ReasonConflict
	// ReasonTooManyTerms is that the node affinity would have more than MaxTerms terms, or more rules than can be
	// merged.
	ReasonTooManyTerms Reason = v1beta1.ReasonTooManyTerms
	// ReasonNothingMatches is that the Pod's own node affinity has no term that can match, so that there is nothing to
	// narrow.
	ReasonNothingMatches Reason = v1beta1.ReasonNothingMatches
)

// Result is what became of one patch for one Pod.
type Result struct {
	Patch   *Patch
	Outcome Outcome
	// Reason is "" when the patch is applied.
	Reason Reason
	// Message says the same for people, as a clause after "because".
	Message string
	// Conflicts are the rules of ReasonConflict that contradict each other, by the label that they are about.
	Conflicts []string
}

// Merge adds patches to the rules of one Pod: those of higher priority first, equal ones by name, whatever their order
// in the list. Each sees what the ones before it left, and is applied as a whole or not at all. Merging the same
// patches again changes nothing.
//
// Neither rules nor patches are modified; the result shares memory with both and must not be modified either. The
// results come in the order of application.
func Merge(rules *Rules, patches []*Patch) (merged Rules, results []Result) {
	merged = *rules
	for _, patch := range slices.SortedFunc(slices.Values(patches), Compare) {
		next, result := patch.apply(merged)
		if result.Outcome == OutcomeApplied {
			merged = next
		}
		results = append(results, result)
	}
	return merged, results
}

func (p *Patch) apply(rules Rules) (Rules, Result) {
	spec := &p.Object.Spec
	if conflicts := conflicts(rules.NodeSelector, spec.NodeSelector); len(conflicts) > 0 {
		return rules, p.conflicting(conflicts)
	}
	affinity, found := mergeAffinity(rules.Affinity, spec.Affinity)
	if found != nil {
		return rules, Result{Patch: p, Outcome: OutcomeSkipped, Reason: found.reason, Message: found.message}
	}
	if conflicts := contradictions(&rules, demanded(p.Object)); len(conflicts) > 0 {
		return rules, p.conflicting(conflicts)
	}
	return Rules{
		Affinity:     affinity,
		Tolerations:  mergeTolerations(rules.Tolerations, spec.Tolerations),
		NodeSelector: mergeNodeSelector(rules.NodeSelector, spec.NodeSelector),
	}, Result{Patch: p, Outcome: OutcomeApplied}
}

func (p *Patch) conflicting(conflicts []string) Result {
	result := Result{
		Patch: p, Outcome: OutcomeSkipped, Reason: ReasonConflict, Conflicts: conflicts, Message: joined(conflicts),
	}
	if p.Rejects() {
		result.Outcome = OutcomeRejected
	}
	return result
}

// conflicts lists the keys for which a Pod demands another value than a patch.
func conflicts(pod, patch map[string]string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(patch)) {
		if value, ok := pod[key]; ok && value != patch[key] {
			out = append(out, fmt.Sprintf("nodeSelector %s is %q in the Pod and %q in the patch", key, value, patch[key]))
		}
	}
	return out
}

// mergeNodeSelector adds the keys that the Pod lacks. There are no conflicts.
func mergeNodeSelector(pod, patch map[string]string) map[string]string {
	if len(patch) == 0 {
		return pod
	}
	merged := maps.Clone(patch)
	maps.Copy(merged, pod)
	return merged
}
