// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

const (
	// maxContradictions is how many pairs of rules a message names, and maxShownValues how many values of one rule.
	maxContradictions, maxShownValues = 3, 5
	// maxWork bounds how many requirements and values are compared for one Pod and one patch. Nobody writes as many;
	// whoever does is not told.
	maxWork = 100_000
)

// demand is a requirement on a label or a field of a node, and who makes it.
type demand struct {
	corev1.NodeSelectorRequirement
	field bool
	// ofPatch: the patch makes it, not the Pod.
	ofPatch bool
	// selector: nodeSelector says it, not the node affinity.
	selector bool
}

// about is what a demand is about: all demands about the same must be met together.
type about struct {
	key   string
	field bool
}

// contradictions say why no node, whatever its labels, can ever meet the rules of a Pod together with those of a patch.
// There are none where the Pod's own rules allow no node either: that is not the patch's doing.
func contradictions(pod *Rules, spec *Rules) []string {
	if !narrows(spec) || work(pod, spec) > maxWork {
		return nil
	}
	own, patch := alternatives(pod, false), alternatives(spec, true)
	if !slices.ContainsFunc(own, possible) {
		return nil
	}
	var out []string
	for _, mine := range own {
		for _, theirs := range patch {
			demands := firstContradiction(theirs, slices.Concat(mine, theirs))
			if demands == nil {
				return nil
			}
			if text := describe(demands); possible(mine) && !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}

// Contradictions say why no node, whatever its labels, can ever meet the rules of a patch itself. None is the usual
// answer.
func (p *Patch) Contradictions() []string { return contradictions(&Rules{}, demanded(p.Object)) }

// NarrowsNodes reports whether the patch demands anything of the node's labels.
func (p *Patch) NarrowsNodes() bool { return NarrowsNodes(p.Object) }

// NarrowsNodes reports whether a patch, compiled or not, demands anything of the node's labels.
func NarrowsNodes(object *v1alpha1.SchedPatch) bool { return narrows(demanded(object)) }

// DemandsLabel reports whether the patch demands anything of one label of the node.
func (p *Patch) DemandsLabel(key string) bool {
	rules := demanded(p.Object)
	if _, ok := rules.NodeSelector[key]; ok {
		return true
	}
	terms, _ := requiredTerms(rules.Affinity)
	return slices.ContainsFunc(terms, func(term corev1.NodeSelectorTerm) bool {
		return slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return r.Key == key })
	})
}

// Demands says what the patch demands of a node's labels, for people. Of several terms, one of which is enough, it says
// the first few.
func (p *Patch) Demands() string {
	var out []string
	for _, all := range alternatives(demanded(p.Object), true) {
		var parts []string
		for i := range all {
			parts = append(parts, all[i].Key+" "+all[i].String())
		}
		out = append(out, strings.Join(parts, " and "))
	}
	shown := strings.Join(out[:min(len(out), maxContradictions)], ", or ")
	if more := len(out) - maxContradictions; more > 0 {
		shown += fmt.Sprintf(", or one of %d more terms", more)
	}
	return shown
}

// demanded are the rules of a patch by which it narrows the choice of nodes.
func demanded(object *v1alpha1.SchedPatch) *Rules {
	return &Rules{Affinity: object.Spec.Affinity, NodeSelector: object.Spec.NodeSelector}
}

func narrows(rules *Rules) bool {
	terms, _ := requiredTerms(rules.Affinity)
	return len(rules.NodeSelector) > 0 || len(terms) > 0
}

// alternatives are the sets of demands of which a node must meet one: one for each term of the required node affinity,
// each with what nodeSelector says. An empty term matches no node and is no alternative.
func alternatives(rules *Rules, ofPatch bool) [][]demand {
	var always []demand
	for _, key := range slices.Sorted(maps.Keys(rules.NodeSelector)) {
		always = append(always, demand{ofPatch: ofPatch, selector: true, NodeSelectorRequirement: corev1.NodeSelectorRequirement{
			Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{rules.NodeSelector[key]},
		}})
	}
	terms, there := requiredTerms(rules.Affinity)
	if !there {
		return [][]demand{always}
	}
	var out [][]demand
	for i := range terms {
		if isEmptyTerm(&terms[i]) {
			continue
		}
		all := slices.Clone(always)
		for _, r := range terms[i].MatchExpressions {
			all = append(all, demand{NodeSelectorRequirement: r, ofPatch: ofPatch})
		}
		for _, r := range terms[i].MatchFields {
			all = append(all, demand{NodeSelectorRequirement: r, ofPatch: ofPatch, field: true})
		}
		out = append(out, all)
	}
	return out
}

// requiredTerms are those of a required node affinity; false when there is none.
func requiredTerms(affinity *corev1.Affinity) ([]corev1.NodeSelectorTerm, bool) {
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil, false
	}
	return affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms, true
}

// work is how much there is to compare: the alternatives of one side, each with its nodeSelector, for every term of the
// other.
func work(pod, patch *Rules) int {
	own, _ := requiredTerms(pod.Affinity)
	terms, _ := requiredTerms(patch.Affinity)
	side := func(rules *Rules, terms []corev1.NodeSelectorTerm) int {
		return (1+len(rules.NodeSelector))*(1+len(terms)) + sizeOf(terms)
	}
	return side(pod, own)*(1+len(terms)) + side(patch, terms)*(1+len(own))
}

func possible(all []demand) bool { return contradicting(all) == nil }

// firstContradiction is that of the first list which no node can meet, nil when a node can meet them all.
func firstContradiction(lists ...[]demand) []demand {
	for _, list := range lists {
		if demands := contradicting(list); demands != nil {
			return demands
		}
	}
	return nil
}

// contradicting returns the demands on one label or field that no node can meet together, nil when there are none such.
func contradicting(all []demand) []demand {
	groups := map[about][]demand{}
	var order []about
	for i := range all {
		of := about{all[i].Key, all[i].field}
		if groups[of] == nil {
			order = append(order, of)
		}
		groups[of] = append(groups[of], all[i])
	}
	for _, of := range order {
		requirements := make([]corev1.NodeSelectorRequirement, 0, len(groups[of]))
		for i := range groups[of] {
			requirements = append(requirements, groups[of][i].NodeSelectorRequirement)
		}
		if !canMeet(requirements, of.field) {
			return groups[of]
		}
	}
	return nil
}

// describe names the label, or the field, and what each side demands of it.
func describe(demands []demand) string {
	var pod, patch []string
	for i := range demands {
		if text := demands[i].String(); demands[i].ofPatch {
			patch = append(patch, text)
		} else {
			pod = append(pod, text)
		}
	}
	if len(pod) == 0 {
		return fmt.Sprintf("no node can match, since the patch contradicts itself: it demands %s %s",
			demands[0].Key, strings.Join(patch, " and "))
	}
	return fmt.Sprintf("no node can match: the Pod demands %s %s, the patch %s",
		demands[0].Key, strings.Join(pod, " and "), strings.Join(patch, " and "))
}

// String is a demand without its key, as manifests write it, and where it is: In [a, b] (nodeAffinity).
func (d *demand) String() string {
	text := string(d.Operator)
	if len(d.Values) > 0 {
		text += " [" + strings.Join(d.Values[:min(len(d.Values), maxShownValues)], ", ")
		if more := len(d.Values) - maxShownValues; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		text += "]"
	}
	if d.selector {
		return text + " (nodeSelector)"
	}
	return text + " (nodeAffinity)"
}

// joined is a message of the first few contradictions.
func joined(contradictions []string) string {
	text := strings.Join(contradictions[:min(len(contradictions), maxContradictions)], "; ")
	if more := len(contradictions) - maxContradictions; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}
