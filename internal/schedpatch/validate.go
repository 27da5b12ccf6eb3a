// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// Validate returns everything that is wrong with a SchedPatch by itself. Much of it the CRD's schema says too; it is
// repeated here because a patch that got by must never be the reason why the API server refuses a Pod.
func Validate(object *v1alpha1.SchedPatch) field.ErrorList {
	spec, path := &object.Spec, field.NewPath("spec")
	return slices.Concat(
		validateTarget(&spec.TargetRef, path.Child("targetRef")),
		validateReach(spec, path),
		validateEnd(spec, path),
		validateNotEmpty(spec, path),
		validateTerms(spec.Affinity, path.Child("affinity", "nodeAffinity")),
		validateRules(spec),
	)
}

func validateTarget(target *v1alpha1.TargetReference, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if target.Kind == daemonSet {
		errs = append(errs, omitted(path.Child("kind"), "DaemonSet is not supported: its controller picks the node before admission"))
	}
	if target.Kind == "" {
		errs = append(errs, field.Required(path.Child("kind"), "name the kind of the workload, such as Deployment"))
	}
	if target.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "name the workload"))
	}
	if _, err := targetOf(target); err != nil || target.APIVersion == "" {
		errs = append(errs, field.Invalid(path.Child("apiVersion"), target.APIVersion,
			"must be group/version, such as apps/v1, or v1 for the core group"))
	}
	return errs
}

// validateReach checks which Pods of the target the patch is for.
func validateReach(spec *v1alpha1.SchedPatchSpec, path *field.Path) field.ErrorList {
	errs := metav1validation.ValidateLabelSelector(spec.PodSelector, metav1validation.LabelSelectorValidationOptions{},
		path.Child("podSelector"))
	if spec.MaxPods != nil && *spec.MaxPods < 1 {
		errs = append(errs, field.Invalid(path.Child("maxPods"), *spec.MaxPods, "must be at least 1; for no Pod at all use mode Preview"))
	}
	return errs
}

func validateEnd(spec *v1alpha1.SchedPatchSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.TTLSeconds != nil && *spec.TTLSeconds < 1 {
		errs = append(errs, field.Invalid(path.Child("ttlSeconds"), *spec.TTLSeconds, "must be at least 1"))
	}
	if spec.TTLSeconds != nil && spec.ExpiresAt != nil {
		errs = append(errs, field.Forbidden(path.Child("ttlSeconds"), "cannot be combined with expiresAt; remove one of the two"))
	}
	return errs
}

func validateNotEmpty(spec *v1alpha1.SchedPatchSpec, path *field.Path) field.ErrorList {
	if len(spec.Tolerations) > 0 || len(spec.NodeSelector) > 0 || hasRules(spec.Affinity) {
		return nil
	}
	return field.ErrorList{omitted(path, "needs at least one rule in affinity, tolerations or nodeSelector")}
}

func hasRules(affinity *corev1.Affinity) bool {
	if affinity == nil {
		return false
	}
	if a := affinity.NodeAffinity; a != nil && (a.RequiredDuringSchedulingIgnoredDuringExecution != nil ||
		len(a.PreferredDuringSchedulingIgnoredDuringExecution) > 0) {
		return true
	}
	if a := affinity.PodAffinity; a != nil &&
		len(a.RequiredDuringSchedulingIgnoredDuringExecution)+len(a.PreferredDuringSchedulingIgnoredDuringExecution) > 0 {
		return true
	}
	a := affinity.PodAntiAffinity
	return a != nil && len(a.RequiredDuringSchedulingIgnoredDuringExecution)+len(a.PreferredDuringSchedulingIgnoredDuringExecution) > 0
}

// validateTerms checks what Kubernetes allows in a node affinity although it matches no node.
func validateTerms(affinity *corev1.Affinity, path *field.Path) field.ErrorList {
	if affinity == nil || affinity.NodeAffinity == nil {
		return nil
	}
	var errs field.ErrorList
	if required := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		terms := path.Child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
		if count := len(required.NodeSelectorTerms); count > MaxTerms {
			return field.ErrorList{field.TooMany(terms, count, MaxTerms)}
		}
		for i := range required.NodeSelectorTerms {
			errs = append(errs, validateTerm(&required.NodeSelectorTerms[i], terms.Index(i))...)
		}
	}
	preferred := path.Child("preferredDuringSchedulingIgnoredDuringExecution")
	for i := range affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
		term := &affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution[i].Preference
		errs = append(errs, validateNumbers(term, preferred.Index(i).Child("preference"))...)
	}
	return errs
}

func validateTerm(term *corev1.NodeSelectorTerm, path *field.Path) field.ErrorList {
	if isEmptyTerm(term) {
		return field.ErrorList{omitted(path, "an empty term matches no node")}
	}
	return validateNumbers(term, path)
}

// validateNumbers: the scheduler compares with Gt and Lt as whole numbers, and fails for a Pod whose value is none.
func validateNumbers(term *corev1.NodeSelectorTerm, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range term.MatchExpressions {
		requirement := &term.MatchExpressions[i]
		compares := requirement.Operator == corev1.NodeSelectorOpGt || requirement.Operator == corev1.NodeSelectorOpLt
		if !compares || len(requirement.Values) != 1 {
			continue
		}
		if _, err := strconv.ParseInt(requirement.Values[0], 10, 64); err != nil {
			errs = append(errs, field.Invalid(path.Child("matchExpressions").Index(i).Child("values").Index(0), requirement.Values[0],
				fmt.Sprintf("must be a whole number, because the operator is %s", requirement.Operator)))
		}
	}
	return errs
}

// omitted refuses a value whose absence of content is the fault.
func omitted(path *field.Path, detail string) *field.Error {
	return &field.Error{Type: field.ErrorTypeInvalid, Field: path.String(), BadValue: field.OmitValueType{}, Detail: detail}
}
