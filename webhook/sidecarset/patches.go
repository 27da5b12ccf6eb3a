// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1validation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// validatePatches checks the annotations that the set writes to Pods.
func validatePatches(patches []v1beta1.SidecarSetPatchPodMetadata, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i := range patches {
		patch, path := &patches[i], path.Index(i)
		annotations := path.Child("annotations")
		errs = append(errs, fields.Choice(patch.PatchPolicy, path.Child("patchPolicy"), v1beta1.SidecarSetRetainPatchPolicy,
			v1beta1.SidecarSetOverwritePatchPolicy, v1beta1.SidecarSetMergePatchJSONPatchPolicy)...)
		if len(patch.Annotations) == 0 {
			errs = append(errs, field.Required(annotations, "must name at least one annotation"))
		}
		errs = append(errs, metav1validation.ValidateAnnotations(patch.Annotations, annotations)...)
		for _, key := range slices.Sorted(maps.Keys(patch.Annotations)) {
			if seen[key] {
				errs = append(errs, field.Duplicate(annotations.Key(key), key))
			}
			seen[key] = true
			if isOwn(key) {
				errs = append(errs, field.Forbidden(annotations.Key(key), "injection and updates keep their own records under this key"))
			}
		}
	}
	return errs
}

// isOwn reports whether an annotation of Pods is ours to write.
func isOwn(key string) bool {
	switch key {
	case v1beta1.SidecarSetHashAnnotation, v1beta1.SidecarSetHashWithoutImageAnnotation, v1beta1.SidecarSetInjectedListAnnotation,
		v1beta1.SidecarSetInPlaceUpdateStateAnnotation, v1beta1.SidecarSetWorkingContainersAnnotation,
		v1beta1.SidecarSetLifecycleAnnotation:
		return true
	}
	return strings.HasPrefix(key, v1beta1.SidecarSetVersionAnnotationPrefix) || strings.HasPrefix(key,
		v1beta1.SidecarSetVersionAltAnnotationPrefix)
}

// patchWarnings names values that cannot be merged.
func patchWarnings(patches []v1beta1.SidecarSetPatchPodMetadata) []string {
	var out []string
	for i := range patches {
		if patches[i].PatchPolicy != v1beta1.SidecarSetMergePatchJSONPatchPolicy {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(patches[i].Annotations)) {
			if !json.Valid([]byte(patches[i].Annotations[key])) {
				out = append(out, fmt.Sprintf("%s: is not JSON, so that patchPolicy MergePatchJson cannot merge it",
					field.NewPath("spec", "patchPodMetadata").Index(i).Child("annotations").Key(key)))
			}
		}
	}
	return out
}
