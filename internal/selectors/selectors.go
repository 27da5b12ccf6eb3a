// SPDX-License-Identifier: Apache-2.0

// Package selectors decides whether two label selectors can ever match the same object. Nothing is guessed: the
// requirements of both are solved together, key by key, so the answer is exact for every operator of a label selector.
package selectors

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Selector is a label selector in solved form: what it allows for each key that it mentions. It is immutable. The zero
// value matches everything.
type Selector struct {
	// keys is sorted by key, each key once.
	keys []keyStates
	// nothing: no labels at all can match.
	nothing bool
}

type keyStates struct {
	key     string
	allowed states
}

// Everything matches any labels.
func Everything() Selector { return Selector{} }

// Nothing matches no labels.
func Nothing() Selector { return Selector{nothing: true} }

// Compile solves a label selector. As everywhere in Kubernetes, nil matches nothing and an empty one everything. It
// fails only for an operator that does not exist.
func Compile(selector *metav1.LabelSelector) (Selector, error) {
	if selector == nil {
		return Nothing(), nil
	}
	solved := map[string]states{}
	require := func(key string, required states) {
		if known, ok := solved[key]; ok {
			required = known.and(required)
		}
		solved[key] = required
	}
	for key, value := range selector.MatchLabels {
		require(key, oneOf(value))
	}
	for i := range selector.MatchExpressions {
		expression := &selector.MatchExpressions[i]
		required, err := statesOf(expression)
		if err != nil {
			return Nothing(), err
		}
		require(expression.Key, required)
	}
	return build(solved), nil
}

func build(solved map[string]states) Selector {
	out := Selector{keys: make([]keyStates, 0, len(solved))}
	for key, allowed := range solved {
		if !allowed.possible() {
			return Nothing()
		}
		out.keys = append(out.keys, keyStates{key, allowed})
	}
	slices.SortFunc(out.keys, func(a, b keyStates) int { return strings.Compare(a.key, b.key) })
	return out
}

func statesOf(expression *metav1.LabelSelectorRequirement) (states, error) {
	switch expression.Operator {
	case metav1.LabelSelectorOpIn:
		return oneOf(expression.Values...), nil
	case metav1.LabelSelectorOpNotIn:
		return noneOf(expression.Values...), nil
	case metav1.LabelSelectorOpExists:
		return anyValue(), nil
	case metav1.LabelSelectorOpDoesNotExist:
		return absent(), nil
	default:
		return states{}, fmt.Errorf("label %s: operator %q does not exist: it must be In, NotIn, Exists or DoesNotExist",
			expression.Key, expression.Operator)
	}
}

// Namespaces solves a selector of namespaces by their labels. nil reaches all of them. The API server gives every
// namespace its name as a label, which therefore always exists.
func Namespaces(selector *metav1.LabelSelector) (Selector, error) {
	if selector == nil {
		return Everything(), nil
	}
	named := selector.DeepCopy()
	named.MatchExpressions = append(named.MatchExpressions, metav1.LabelSelectorRequirement{
		Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpExists,
	})
	return Compile(named)
}

// Namespace solves "this one namespace", by its name.
func Namespace(name string) Selector {
	return build(map[string]states{corev1.LabelMetadataName: oneOf(name)})
}

// MatchesNothing is true when the requirements contradict each other, so that no labels at all can fulfil them.
func (s Selector) MatchesNothing() bool { return s.nothing }

// Overlap reports whether there are labels that both selectors match. False is a proof that there are none. It
// allocates nothing.
func (s Selector) Overlap(other Selector) bool {
	if s.nothing || other.nothing {
		return false
	}
	// Only a key that both mention can keep them apart: for any other, what the one allows is possible and the other
	// does not care.
	a, b := s.keys, other.keys
	for len(a) > 0 && len(b) > 0 {
		switch order := strings.Compare(a[0].key, b[0].key); {
		case order < 0:
			a = a[1:]
		case order > 0:
			b = b[1:]
		default:
			if !a[0].allowed.overlap(b[0].allowed) {
				return false
			}
			a, b = a[1:], b[1:]
		}
	}
	return true
}
