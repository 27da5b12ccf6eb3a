// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

var basePath = field.NewPath("metadata", "annotations").Key(v1beta1.SidecarSetBaseAnnotation)

// isCanary reports whether a set stands in for another one.
func isCanary(set *v1beta1.SidecarSet) bool {
	return set.Annotations[v1beta1.SidecarSetCanaryAnnotation] == "true"
}

// arePaired reports whether one of two sets is the canary of the other. They are never injected into the same Pod, so
// nothing of theirs can conflict.
func arePaired(a, b *v1beta1.SidecarSet) bool {
	isCanaryOf := func(canary, base *v1beta1.SidecarSet) bool {
		return isCanary(canary) && canary.Annotations[v1beta1.SidecarSetBaseAnnotation] == base.Name
	}
	return isCanaryOf(a, b) || isCanaryOf(b, a)
}

// ValidateCanary returns what is wrong with a canary; base is the set that it names, nil when there is none of that
// name.
func ValidateCanary(set, base *v1beta1.SidecarSet) field.ErrorList {
	if !isCanary(set) {
		return nil
	}
	errs := validateBase(set, base)
	if isRolling(&set.Spec.UpdateStrategy) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "updateStrategy", "type"), v1beta1.RollingUpdateSidecarSetStrategyType,
			"must be NotUpdate: a canary is for new Pods alone"))
	}
	return errs
}

func validateBase(set, base *v1beta1.SidecarSet) field.ErrorList {
	name := set.Annotations[v1beta1.SidecarSetBaseAnnotation]
	switch {
	case name == "":
		return field.ErrorList{field.Required(basePath, "a canary must name the SidecarSet that it stands in for")}
	case name == set.Name:
		return field.ErrorList{field.Invalid(basePath, name, "must name another SidecarSet than the canary itself")}
	case base == nil:
		return field.ErrorList{field.Invalid(basePath, name, "there is no SidecarSet of this name: create the base before its canary")}
	case isCanary(base):
		return field.ErrorList{field.Invalid(basePath, name, "is a canary too: a canary must name a SidecarSet that is none")}
	default:
		return nil
	}
}
