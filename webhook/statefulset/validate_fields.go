// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	apimachineryvalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// ValidateFields returns everything that is wrong with a StatefulSet by itself. Much of it the CRD's schema says too; it is
// repeated here because an older schema, or OpenKruise's, may be installed. A field that is not given is never wrong:
// its default holds.
//
// old is what the set was, nil for a new one. It only keeps Kubernetes from refusing in a template what it tolerates
// where it has been in use already.
func ValidateFields(set, old *v1beta1.StatefulSet) field.ErrorList {
	spec := field.NewPath("spec")
	return slices.Concat(
		validateName(set),
		validateProtection(set.Labels),
		validateNumbers(&set.Spec, spec),
		validateSelector(set.Spec.Selector, spec.Child("selector")),
		validateTemplate(&set.Spec, specOf(old), spec.Child("template")),
		validateClaimTemplates(set.Spec.VolumeClaimTemplates, spec.Child("volumeClaimTemplates")),
		validateServiceName(set.Spec.ServiceName, spec.Child("serviceName")),
		validateOrdinals(&set.Spec, spec),
		validateUpdateStrategy(&set.Spec, spec.Child("updateStrategy")),
		validateScaleStrategy(&set.Spec, spec.Child("scaleStrategy")),
		validateLifecycle(set.Spec.Lifecycle, spec.Child("lifecycle")),
		validatePolicies(&set.Spec, spec),
	)
}

func specOf(set *v1beta1.StatefulSet) *v1beta1.StatefulSetSpec {
	if set == nil {
		return nil
	}
	return &set.Spec
}

// validateName: a Pod's name, <set>-<ordinal>, is its hostname and the value of a label of it too.
func validateName(set *v1beta1.StatefulSet) field.ErrorList {
	path := field.NewPath("metadata", "name")
	var errs field.ErrorList
	for _, message := range apimachineryvalidation.NameIsDNSLabel(set.Name, false) {
		errs = append(errs, field.Invalid(path, set.Name, "is the first part of the hostnames of Pods: "+message))
	}
	last := set.Name + "-" + strconv.FormatInt(lastOrdinal(&set.Spec), 10)
	if len(errs) == 0 && len(last) > validation.DNS1123LabelMaxLength {
		errs = append(errs, field.Invalid(path, set.Name, fmt.Sprintf(
			"must leave room for the ordinals: the hostnames of Pods are <name>-<ordinal> and may have %d "+
				"characters", validation.DNS1123LabelMaxLength)))
	}
	return errs
}

func validateNumbers(spec *v1beta1.StatefulSetSpec, path *field.Path) field.ErrorList {
	return slices.Concat(
		validateRange(spec.Replicas, path.Child("replicas"), 0, math.MaxInt32),
		validateRange(spec.RevisionHistoryLimit, path.Child("revisionHistoryLimit"), 0, math.MaxInt32),
		validateRange(&spec.MinReadySeconds, path.Child("minReadySeconds"), 0, math.MaxInt32),
		validateRange(spec.ProgressDeadlineSeconds, path.Child("progressDeadlineSeconds"), 1, math.MaxInt32),
	)
}

// validateRange accepts numbers from low to high, and nil.
func validateRange(value *int32, path *field.Path, low, high int32) field.ErrorList {
	if value == nil || (*value >= low && *value <= high) {
		return nil
	}
	allowed := fmt.Sprintf("must be a number from %d to %d", low, high)
	if high == math.MaxInt32 {
		allowed = fmt.Sprintf("must be %d or more", low)
	}
	return field.ErrorList{field.Invalid(path, *value, allowed)}
}

func validateSelector(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if selector == nil {
		return field.ErrorList{field.Required(path, "a StatefulSet must say by which labels its Pods are known")}
	}
	if fields.IsEmpty(selector) {
		return field.ErrorList{field.Invalid(path, "{}",
			"must not be empty: it would match every Pod; give at least one entry in matchLabels or matchExpressions")}
	}
	return metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path)
}

// validateServiceName: it becomes the subdomain of Pods.
func validateServiceName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	var errs field.ErrorList
	for _, message := range validation.IsDNS1123Label(name) {
		errs = append(errs, field.Invalid(path, name, "cannot be the name of a Service: "+message))
	}
	return errs
}

// validatePolicies checks the fields that hold one of a few words.
func validatePolicies(spec *v1beta1.StatefulSetSpec, path *field.Path) field.ErrorList {
	errs := slices.Concat(
		validateManagement(spec.PodManagementPolicy, path.Child("podManagementPolicy")),
		fields.Choice(spec.VolumeClaimUpdateStrategy.Type, path.Child("volumeClaimUpdateStrategy", "type"),
			v1beta1.OnDeleteVolumeClaimUpdateStrategy, v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy),
	)
	if retention := spec.PersistentVolumeClaimRetentionPolicy; retention != nil {
		path := path.Child("persistentVolumeClaimRetentionPolicy")
		retain, remove := v1beta1.RetainPersistentVolumeClaimRetentionPolicy, v1beta1.DeletePersistentVolumeClaimRetentionPolicy
		errs = append(errs, fields.Choice(retention.WhenDeleted, path.Child("whenDeleted"), retain, remove)...)
		errs = append(errs, fields.Choice(retention.WhenScaled, path.Child("whenScaled"), retain, remove)...)
	}
	return errs
}
