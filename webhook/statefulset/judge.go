// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Facts is everything that a StatefulSet is judged on.
type Facts struct {
	// Set is the StatefulSet to judge; Old is what it was, nil for a new one.
	Set, Old *v1beta1.StatefulSet
	// Quantities are the faults of those out of bounds that the change brings. The sets have others in their place, so
	// that they can be computed with.
	Quantities field.ErrorList
	// Unknown says which fields of the templates are not known.
	Unknown []string
	// Classes are the StorageClasses. They are not asked when the set has no claim templates.
	Classes Classes
	// CanResize reports whether the cluster changes cpu and memory of running Pods. It is not asked but for an update
	// under InPlaceOnly.
	CanResize bool
}

// Verdict is what the writer of a StatefulSet is told.
type Verdict struct {
	// Errors refuse the set.
	Errors field.ErrorList
	// Warnings are said in either case.
	Warnings []string
}

// Judge judges a StatefulSet. A change that leaves labels and spec as they were always passes, and one that touches no
// stored fault is not refused for it.
func Judge(facts Facts) Verdict {
	if len(facts.Quantities) > 0 {
		return Verdict{Errors: facts.Quantities}
	}
	if facts.Old != nil && isUnchanged(facts.Set, facts.Old) {
		return Verdict{}
	}
	faults := Validate(facts.Set, facts.Old)
	verdict := Verdict{Errors: faults}
	var stored field.ErrorList
	if facts.Old != nil {
		if len(faults) > 0 {
			verdict.Errors, stored = split(faults, Validate(facts.Old, facts.Old))
		}
		verdict.Errors = append(verdict.Errors, ValidateUpdate(facts)...)
	}
	verdict.Warnings = slices.Concat(storedWarnings(stored), Warnings(facts))
	return verdict
}

func isUnchanged(set, old *v1beta1.StatefulSet) bool {
	return equality.Semantic.DeepEqual(set.Labels, old.Labels) && equality.Semantic.DeepEqual(&set.Spec, &old.Spec)
}

func storedWarnings(stored field.ErrorList) []string {
	out := make([]string, 0, len(stored))
	for _, err := range stored {
		out = append(out, "stored with a fault: "+err.Error())
	}
	return out
}
