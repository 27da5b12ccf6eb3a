// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podtemplate"
)

// ValidateUpdate returns what is wrong with a change of a StatefulSet, of which the input must have what it was. The
// strategies that count are those that the change leads to. That selector, serviceName and podManagementPolicy stay is
// seen to by the CRD.
func ValidateUpdate(input Input) field.ErrorList {
	spec, old := &input.Set.Spec, &input.Old.Spec
	return append(validateInPlace(spec, old, input.CanResize),
		validateExpansion(spec, old, input.Classes, field.NewPath("spec", "volumeClaimTemplates"))...)
}

// inPlaceOnly reports whether Pods may only be changed in place. Under OnDelete the operator changes none.
func inPlaceOnly(spec *v1beta1.StatefulSetSpec) bool {
	rolling := spec.UpdateStrategy.RollingUpdate
	return spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType &&
		rolling != nil && rolling.PodUpdatePolicy == v1beta1.InPlaceOnlyPodUpdatePolicy
}

// validateInPlace refuses, under InPlaceOnly, what no running Pod can become. The decision is the operator's own.
func validateInPlace(spec, old *v1beta1.StatefulSetSpec, canResize bool) field.ErrorList {
	if !inPlaceOnly(spec) {
		return nil
	}
	_, obstacles := inplace.Difference(podtemplate.DefaultedLike(&old.Template, &spec.Template),
		podtemplate.Defaulted(&spec.Template), canResize)
	var errs field.ErrorList
	for _, path := range obstacles {
		errs = append(errs, field.Forbidden(field.NewPath(path),
			"cannot change in a running Pod, and podUpdatePolicy InPlaceOnly allows no other way; set it to InPlaceIfPossible "+
				"or ReCreate to have Pods replaced"))
	}
	return errs
}
