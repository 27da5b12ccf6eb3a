package sidecarset

import (
	"context"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	coreconversion "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/capabilities"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// placeholder completes a Pod that has no container of its own.
const placeholder = "windlass-validation-placeholder"

// Validator refuses SidecarSets that could not work.
type Validator struct{}

// NewValidator returns a Validator. Whether sidecars may be privileged is a
// cluster's policy, not a question of validity.
func NewValidator() *Validator {
	capabilities.Setup(true, 0)
	return &Validator{}
}

// Handle answers one request.
func (*Validator) Handle(_ context.Context, request admission.Request) admission.Response {
	object, err := decode(request)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if errs := Validate(object); len(errs) > 0 {
		invalid := apierrors.NewInvalid(v1beta1.GroupVersion.WithKind("SidecarSet").GroupKind(), object.Name, errs)
		return admission.Response{AdmissionResponse: denied(&invalid.ErrStatus)}
	}
	return admission.Allowed("")
}

// Validate returns everything that is wrong with a SidecarSet by itself.
func Validate(set *v1beta1.SidecarSet) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateSelector(set.Spec.Selector, spec.Child("selector"))
	if set.Spec.NamespaceSelector != nil {
		errs = append(errs, validateSelector(set.Spec.NamespaceSelector, spec.Child("namespaceSelector"))...)
	}
	errs = append(errs, validateUpdateStrategy(&set.Spec.UpdateStrategy, spec.Child("updateStrategy"))...)
	return append(errs, validateContainers(&set.Spec, spec)...)
}

func validateSelector(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if selector == nil {
		return field.ErrorList{field.Required(path, "a SidecarSet must say which Pods it is for")}
	}
	if len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0 {
		return field.ErrorList{field.Invalid(path, "{}", "must not be empty: name at least one label, or nothing would be selected")}
	}
	return metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path)
}

func validateUpdateStrategy(strategy *v1beta1.SidecarSetUpdateStrategy, path *field.Path) field.ErrorList {
	errs := validateCount(strategy.MaxUnavailable, path.Child("maxUnavailable"))
	errs = append(errs, validateCount(strategy.Partition, path.Child("partition"))...)
	if strategy.Selector != nil {
		errs = append(errs, validateSelector(strategy.Selector, path.Child("selector"))...)
	}
	return errs
}

// validateCount accepts a number from 0 up, or a percentage from 0 to 100.
func validateCount(value *intstr.IntOrString, path *field.Path) field.ErrorList {
	if value == nil {
		return nil
	}
	const allowed = `must be a whole number from 0 up, or a percentage from "0%" to "100%"`
	scaled, err := intstr.GetScaledValueFromIntOrPercent(value, 100, false)
	if err != nil || scaled < 0 || (value.Type == intstr.String && scaled > 100) {
		return field.ErrorList{field.Invalid(path, value.String(), allowed)}
	}
	return nil
}

// validateContainers has Kubernetes judge the sidecars as part of a Pod that
// consists of them, so that the field paths are those of the SidecarSet.
func validateContainers(spec *v1beta1.SidecarSetSpec, path *field.Path) field.ErrorList {
	if len(spec.Containers) == 0 && len(spec.InitContainers) == 0 {
		return field.ErrorList{field.Required(path.Child("containers"), "a SidecarSet must have at least one container or init container")}
	}
	pod, err := podOf(sidecar.Default(spec))
	if err != nil {
		return field.ErrorList{field.InternalError(path.Child("containers"), err)}
	}
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, nil, &pod.ObjectMeta, nil)
	errs := corevalidation.ValidatePodSpec(&pod.Spec, &pod.ObjectMeta, path, options)
	return ofSidecars(errs, len(spec.Containers))
}

// podOf makes the Pod that the sidecars alone would be.
func podOf(spec *v1beta1.SidecarSetSpec) (*core.Pod, error) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Volumes: spec.Volumes}}
	for i := range spec.Containers {
		pod.Spec.Containers = append(pod.Spec.Containers, spec.Containers[i].Container)
	}
	for i := range spec.InitContainers {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, spec.InitContainers[i].Container)
	}
	if len(pod.Spec.Containers) == 0 {
		pod.Spec.Containers = []corev1.Container{{Name: placeholder, Image: placeholder}}
	}
	coreconversion.SetObjectDefaults_Pod(pod)
	out := &core.Pod{}
	return out, coreconversion.Convert_v1_Pod_To_core_Pod(pod, out, nil)
}

// ofSidecars keeps the errors about what a SidecarSet has, which is not all of
// a Pod.
func ofSidecars(errs field.ErrorList, containers int) field.ErrorList {
	var out field.ErrorList
	for _, err := range errs {
		about := strings.HasPrefix(err.Field, "spec.initContainers") || strings.HasPrefix(err.Field, "spec.volumes") ||
			(containers > 0 && strings.HasPrefix(err.Field, "spec.containers"))
		if about {
			out = append(out, err)
		}
	}
	return out
}
