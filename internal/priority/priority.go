// SPDX-License-Identifier: Apache-2.0

// Package priority puts Pods in the order that an updatePriority strategy asks for. It is pure.
package priority

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Sort sorts by the sum of weights, or by the first of the named labels that an item has and the number that its value
// ends in, larger first. Items that have none of the labels go last; equal ones keep their order. nil sorts nothing.
func Sort[T any](strategy *v1beta1.UpdatePriorityStrategy, items []T, labelsOf func(T) map[string]string) {
	if strategy == nil {
		return
	}
	rankOf := byOrder(strategy)
	if len(strategy.WeightPriority) > 0 {
		rankOf = byWeight(strategy)
	}
	type ranked struct {
		item T
		rank
	}
	all := make([]ranked, len(items))
	for i := range items {
		all[i] = ranked{items[i], rankOf(labelsOf(items[i]))}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(b.number, a.number))
	})
	for i := range all {
		items[i] = all[i].item
	}
}

// rank sorts by level, lower first, then by number, higher first.
type rank struct{ level, number int64 }

// byWeight sums the weights of the terms that match. A selector that cannot be read picks nothing; validation refuses
// it.
func byWeight(strategy *v1beta1.UpdatePriorityStrategy) func(map[string]string) rank {
	selectors := make([]labels.Selector, len(strategy.WeightPriority))
	for i := range strategy.WeightPriority {
		selector, err := metav1.LabelSelectorAsSelector(&strategy.WeightPriority[i].MatchSelector)
		if err != nil {
			selector = labels.Nothing()
		}
		selectors[i] = selector
	}
	return func(of map[string]string) (sum rank) {
		for i, selector := range selectors {
			if selector.Matches(labels.Set(of)) {
				sum.number += int64(strategy.WeightPriority[i].Weight)
			}
		}
		return sum
	}
}

func byOrder(strategy *v1beta1.UpdatePriorityStrategy) func(map[string]string) rank {
	return func(of map[string]string) rank {
		for i, term := range strategy.OrderPriority {
			if value, ok := of[term.OrderedKey]; ok {
				return rank{int64(i), trailingNumber(value)}
			}
		}
		return rank{level: int64(len(strategy.OrderPriority))}
	}
}

// trailingNumber reads the digits at the end of a label's value; 0 when there is none.
func trailingNumber(value string) int64 {
	digits := value[len(strings.TrimRight(value, "0123456789")):]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
