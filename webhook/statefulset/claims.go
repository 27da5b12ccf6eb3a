// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/apis/core"
	coreconversion "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
)

// validateClaimTemplates has Kubernetes validate each claim as one that is to be created.
func validateClaimTemplates(claims []corev1.PersistentVolumeClaim, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i := range claims {
		claim, at := &claims[i], path.Index(i)
		if claim.Name != "" && seen[claim.Name] {
			errs = append(errs, field.Duplicate(at.Child("metadata", "name"), claim.Name))
		}
		seen[claim.Name] = true
		errs = append(errs, validateClaimTemplate(claim, at)...)
	}
	return errs
}

func validateClaimTemplate(claim *corev1.PersistentVolumeClaim, path *field.Path) field.ErrorList {
	spec, err := internalClaimSpec(claim)
	if err != nil {
		return field.ErrorList{field.InternalError(path, err)}
	}
	return slices.Concat(
		validateClaimName(claim.Name, path.Child("metadata", "name")),
		metav1validation.ValidateLabels(claim.Labels, path.Child("metadata", "labels")),
		corevalidation.ValidateAnnotations(claim.Annotations, path.Child("metadata", "annotations")),
		corevalidation.ValidatePersistentVolumeClaimSpec(spec, path.Child("spec"),
			corevalidation.ValidationOptionsForPersistentVolumeClaimCreate()),
	)
}

// validateClaimName: it is the name of a volume of every Pod.
func validateClaimName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "containers mount the claim by this name")}
	}
	var errs field.ErrorList
	for _, message := range validation.IsDNS1123Label(name) {
		errs = append(errs, field.Invalid(path, name, "must be usable as the name of a Pod's volume: "+message))
	}
	return errs
}

// internalClaimSpec returns the defaulted spec of a claim in the form that Kubernetes validates.
func internalClaimSpec(claim *corev1.PersistentVolumeClaim) (*core.PersistentVolumeClaimSpec, error) {
	out := &core.PersistentVolumeClaimSpec{}
	return out, coreconversion.Convert_v1_PersistentVolumeClaimSpec_To_core_PersistentVolumeClaimSpec(&defaultedClaim(claim).Spec, out, nil)
}

// defaultedClaim returns a copy with the defaults that Kubernetes gives claims.
func defaultedClaim(claim *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	out := claim.DeepCopy()
	coreconversion.SetObjectDefaults_PersistentVolumeClaim(out)
	return out
}
