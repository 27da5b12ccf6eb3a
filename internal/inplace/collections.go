// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"maps"
	"slices"
)

// merged is both maps in a new one; the values of the second win.
func merged[V any](first, second map[string]V) map[string]V {
	out := make(map[string]V, len(first)+len(second))
	maps.Copy(out, first)
	maps.Copy(out, second)
	return out
}

// union is the elements of both lists, each once, sorted; nil for none.
func union(first, second []string) []string {
	out := slices.Concat(first, second)
	slices.Sort(out)
	return slices.Compact(out)
}

// without is the elements of a list that another has not.
func without(list, others []string) []string {
	var out []string
	for _, element := range list {
		if !slices.Contains(others, element) {
			out = append(out, element)
		}
	}
	return out
}
