// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// ValidateFields returns everything that is wrong with a SidecarSet by itself. Much of it the CRD's schema says too; it is
// repeated here because an older schema, or OpenKruise's, may be installed.
func ValidateFields(set *v1beta1.SidecarSet) field.ErrorList {
	spec := field.NewPath("spec")
	return slices.Concat(
		validateName(set.Name, field.NewPath("metadata", "name")),
		validateReach(&set.Spec, spec),
		validateInjection(&set.Spec.InjectionStrategy, spec.Child("injectionStrategy")),
		validateCustomVersion(set.Spec.CustomVersion, spec.Child("customVersion")),
		validateUpdateStrategy(&set.Spec, spec.Child("updateStrategy")),
		validateLifecycle(&set.Spec),
		validateContainers(&set.Spec, spec),
		validatePatches(set.Spec.PatchPodMetadata, spec.Child("patchPodMetadata")),
	)
}

// nameFormat is narrower than what Kubernetes allows: the name becomes a label's value and the first part of the names
// of revisions.
var nameFormat = regexp.MustCompile(`^[a-zA-Z0-9-]{1,63}$`)

func validateName(name string, path *field.Path) field.ErrorList {
	if nameFormat.MatchString(name) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, "must be 1 to 63 letters, digits and dashes, no dots")}
}

// validateReach checks what says which Pods the set is for.
func validateReach(spec *v1beta1.SidecarSetSpec, path *field.Path) field.ErrorList {
	errs := validateSelector(spec.Selector, path.Child("selector"))
	if spec.NamespaceSelector != nil {
		errs = append(errs, validateSelector(spec.NamespaceSelector, path.Child("namespaceSelector"))...)
	}
	if spec.Namespace != "" {
		for _, message := range validation.IsDNS1123Label(spec.Namespace) {
			errs = append(errs, field.Invalid(path.Child("namespace"), spec.Namespace, "cannot be a namespace's name: "+message))
		}
	}
	return errs
}

func validateSelector(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if selector == nil {
		return field.ErrorList{field.Required(path, "a SidecarSet must say which Pods it is for")}
	}
	if fields.IsEmpty(selector) {
		return field.ErrorList{field.Invalid(path, "{}", "must not be empty: name at least one label, or nothing would be selected")}
	}
	return validateLabels(selector, path)
}

func validateLabels(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	return metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path)
}

func validateInjection(strategy *v1beta1.SidecarSetInjectionStrategy, path *field.Path) field.ErrorList {
	revision, path := strategy.Revision, path.Child("revision")
	if revision == nil {
		return nil
	}
	var errs field.ErrorList
	if name, customVersion := pinned(revision); name == "" && customVersion == "" {
		errs = append(errs, field.Required(path, "must name a revision by revisionName or customVersion"))
	}
	return append(errs, fields.Choice(revision.Policy, path.Child("policy"),
		v1beta1.AlwaysSidecarSetInjectRevisionPolicy, v1beta1.PartialSidecarSetInjectRevisionPolicy)...)
}

// pinned is the revision that a set pins injection to. The name wins over the custom version when there are both.
func pinned(revision *v1beta1.SidecarSetInjectRevision) (name, customVersion string) {
	if revision.RevisionName != nil {
		name = *revision.RevisionName
	}
	if revision.CustomVersion != nil {
		customVersion = *revision.CustomVersion
	}
	return name, customVersion
}

// validateCustomVersion: revisions carry it as a label.
func validateCustomVersion(version string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsValidLabelValue(version) {
		errs = append(errs, field.Invalid(path, version, "must be usable as a label's value: "+message))
	}
	return errs
}
