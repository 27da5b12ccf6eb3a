// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/admit"
)

// Input is everything that a StatefulSet is validated by.
type Input struct {
	// Set is the StatefulSet to validate; Old is what it was, nil for a new one.
	Set, Old *v1beta1.StatefulSet
	// Unknown says which fields of the templates are not known, Dropped which ones a client took out that does not know
	// them.
	Unknown, Dropped []string
	// Classes are the StorageClasses. They are not asked when the set has no claim templates.
	Classes Classes
	// CanResize reports whether the cluster changes cpu and memory of running Pods. It is not asked but for an update
	// under InPlaceOnly.
	CanResize bool
}

// Validate says what is wrong with a StatefulSet. A change that leaves labels and spec as they were always passes, and
// one that touches no stored fault is not refused for it.
func Validate(input Input) admit.Result {
	if input.Old != nil && isUnchanged(input.Set, input.Old) {
		return admit.Result{}
	}
	errs := ValidateFields(input.Set, input.Old)
	result := admit.Result{Errors: errs}
	var stored field.ErrorList
	if input.Old != nil {
		if len(errs) > 0 {
			result.Errors, stored = split(errs, ValidateFields(input.Old, input.Old))
		}
		result.Errors = append(result.Errors, ValidateUpdate(input)...)
	}
	result.Warnings = slices.Concat(storedWarnings(stored), Warnings(input))
	return result
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
