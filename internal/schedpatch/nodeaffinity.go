// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// MaxTerms is how many terms a required node affinity may come to have.
const MaxTerms = 64

func mergeNodeAffinity(pod, patch *corev1.NodeAffinity) (*corev1.NodeAffinity, *obstacle) {
	if patch == nil {
		return pod, nil
	}
	merged := copyOrNew(pod)
	merged.PreferredDuringSchedulingIgnoredDuringExecution = appendNew(
		merged.PreferredDuringSchedulingIgnoredDuringExecution, patch.PreferredDuringSchedulingIgnoredDuringExecution)
	var found *obstacle
	merged.RequiredDuringSchedulingIgnoredDuringExecution, found = narrow(
		merged.RequiredDuringSchedulingIgnoredDuringExecution, patch.RequiredDuringSchedulingIgnoredDuringExecution)
	return merged, found
}

// narrow keeps the nodes that both selectors match. Terms are ORed and the requirements inside a term ANDed, so the
// terms of the result are the product of the two lists of terms; one list appended to the other would let in the nodes
// of either.
func narrow(pod, patch *corev1.NodeSelector) (*corev1.NodeSelector, *obstacle) {
	if patch == nil {
		return pod, nil
	}
	own := termList{terms: []corev1.NodeSelectorTerm{{}}} // which, multiplied, leaves the patch's terms as they are
	if pod != nil {
		own = nonEmptyTerms(pod)
	}
	if len(own.terms) == 0 {
		return nil, nothingMatches()
	}
	both := termList{tooMany: own.tooMany}
	for i := range own.terms {
		both.addProduct(&own.terms[i], patch.NodeSelectorTerms)
	}
	if both.tooMany {
		return nil, tooManyTerms(len(own.terms), len(patch.NodeSelectorTerms))
	}
	return &corev1.NodeSelector{NodeSelectorTerms: both.terms}, nil
}

// nonEmptyTerms drops the terms that match no node, and repetitions.
func nonEmptyTerms(selector *corev1.NodeSelector) termList {
	out := termList{}
	for i := range selector.NodeSelectorTerms {
		if term := &selector.NodeSelectorTerms[i]; !isEmptyTerm(term) {
			out.add(term)
		}
	}
	return out
}

func nothingMatches() *obstacle {
	return &obstacle{ReasonNothingMatches, "no term of the Pod's own required node affinity says anything, so that no node matches it"}
}

func tooManyTerms(pod, patch int) *obstacle {
	return &obstacle{ReasonTooManyTerms, fmt.Sprintf(
		"the Pod's required node affinity would have more than %d terms: %d of the Pod, each together with %d of the patch",
		MaxTerms, pod, patch)}
}

// termList holds different terms, no more than MaxTerms: what is beyond that is not even compared, so that nobody can
// keep us busy with a Pod of thousands.
type termList struct {
	terms []corev1.NodeSelectorTerm
	// tooMany: there are more.
	tooMany bool
}

func (l *termList) add(term *corev1.NodeSelectorTerm) {
	switch {
	case l.tooMany || slices.ContainsFunc(l.terms, func(known corev1.NodeSelectorTerm) bool { return sameTerm(&known, term) }):
	case len(l.terms) == MaxTerms:
		l.tooMany = true
	default:
		l.terms = append(l.terms, *term)
	}
}

// addProduct adds a term of the Pod together with each of the patch's. A term that says already all that one of the
// patch's says stays as it is: that is the same choice of nodes, since A or (A and B) is A, and makes narrowing twice
// the same as narrowing once.
func (l *termList) addProduct(own *corev1.NodeSelectorTerm, patch []corev1.NodeSelectorTerm) {
	if slices.ContainsFunc(patch, func(term corev1.NodeSelectorTerm) bool { return says(own, &term) }) {
		l.add(own)
		return
	}
	for i := range patch {
		l.add(&corev1.NodeSelectorTerm{
			MatchExpressions: unite(own.MatchExpressions, patch[i].MatchExpressions),
			MatchFields:      unite(own.MatchFields, patch[i].MatchFields),
		})
	}
}

// isEmptyTerm: a term without requirements matches no node.
func isEmptyTerm(term *corev1.NodeSelectorTerm) bool {
	return len(term.MatchExpressions) == 0 && len(term.MatchFields) == 0
}

// says reports whether a term has every requirement of another one.
func says(term, other *corev1.NodeSelectorTerm) bool {
	return hasAll(term.MatchExpressions, other.MatchExpressions) && hasAll(term.MatchFields, other.MatchFields)
}

func hasAll(list, requirements []corev1.NodeSelectorRequirement) bool {
	for i := range requirements {
		if !has(list, &requirements[i]) {
			return false
		}
	}
	return true
}

func has(list []corev1.NodeSelectorRequirement, requirement *corev1.NodeSelectorRequirement) bool {
	return slices.ContainsFunc(list, func(known corev1.NodeSelectorRequirement) bool { return sameRequirement(known, *requirement) })
}

// unite lists the requirements of both lists, each once.
func unite(lists ...[]corev1.NodeSelectorRequirement) []corev1.NodeSelectorRequirement {
	var out []corev1.NodeSelectorRequirement
	for _, list := range lists {
		for i := range list {
			if !has(out, &list[i]) {
				out = append(out, list[i])
			}
		}
	}
	return out
}

func sameTerm(a, b *corev1.NodeSelectorTerm) bool {
	return slices.EqualFunc(a.MatchExpressions, b.MatchExpressions, sameRequirement) &&
		slices.EqualFunc(a.MatchFields, b.MatchFields, sameRequirement)
}

func sameRequirement(a, b corev1.NodeSelectorRequirement) bool {
	return a.Key == b.Key && a.Operator == b.Operator && slices.Equal(a.Values, b.Values)
}
