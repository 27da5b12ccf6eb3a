// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	coreconversion "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// validateRules asks Kubernetes' own validation of Pods about the rules, as the API server will when a Pod has them.
func validateRules(spec *v1alpha1.SchedPatchSpec) field.ErrorList {
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		Containers:   []corev1.Container{{Name: "placeholder", Image: "placeholder"}},
		Affinity:     spec.Affinity.DeepCopy(), // the conversion shares memory
		Tolerations:  spec.Tolerations,
		NodeSelector: spec.NodeSelector,
	}}
	coreconversion.SetObjectDefaults_Pod(pod)
	internal := &core.Pod{}
	if err := coreconversion.Convert_v1_Pod_To_core_Pod(pod, internal, nil); err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("spec"), err)}
	}
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	var errs field.ErrorList
	for _, err := range corevalidation.ValidatePodSpec(&internal.Spec, &internal.ObjectMeta, field.NewPath("spec"), options) {
		if isRule(err) {
			errs = append(errs, err)
		}
	}
	return errs
}

// isRule reports whether an error is about the rules that a patch has.
func isRule(err *field.Error) bool {
	return slices.ContainsFunc([]string{"spec.affinity", "spec.tolerations", "spec.nodeSelector"}, func(prefix string) bool {
		return strings.HasPrefix(err.Field, prefix)
	})
}
