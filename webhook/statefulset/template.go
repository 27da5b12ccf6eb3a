// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	coreconversion "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// validateTemplate has Kubernetes validate the template as it would one of apps/v1: with its defaults and with the
// volumes that the claim templates add.
func validateTemplate(spec, old *v1beta1.StatefulSetSpec, path *field.Path) field.ErrorList {
	template, err := internalTemplate(spec)
	if err != nil {
		return field.ErrorList{field.InternalError(path, err)}
	}
	before, err := internalTemplate(old)
	if err != nil {
		return field.ErrorList{field.InternalError(path, err)}
	}
	options := podutil.GetValidationOptionsFromPodTemplate(template, before)
	errs := corevalidation.ValidatePodTemplateSpec(template, path, options)
	errs = withoutClaimVolumes(errs, template, len(spec.Template.Spec.Volumes), path)
	placeMetadata(errs, path)
	fields.NameVolumes(errs, "must be a volume of the template or the name of a claim template",
		template.Spec.Volumes, func(v core.Volume) string { return v.Name })
	return slices.Concat(errs,
		validateTemplateLabels(spec, path.Child("metadata", "labels")),
		validateRunsForEver(&template.Spec, path.Child("spec")),
	)
}

// internalTemplate returns a defaulted copy of the template in the form that Kubernetes validates; nil when there is no
// spec. Hostname and subdomain are left out, as the operator sets them.
func internalTemplate(spec *v1beta1.StatefulSetSpec) (*core.PodTemplateSpec, error) {
	if spec == nil {
		return nil, nil
	}
	holder := &corev1.PodTemplate{Template: *spec.Template.DeepCopy()}
	holder.Template.Spec.Hostname, holder.Template.Spec.Subdomain = "", ""
	holder.Template.Spec.Volumes = withClaimVolumes(holder.Template.Spec.Volumes, spec.VolumeClaimTemplates)
	coreconversion.SetObjectDefaults_PodTemplate(holder)
	out := &core.PodTemplateSpec{}
	return out, coreconversion.Convert_v1_PodTemplateSpec_To_core_PodTemplateSpec(&holder.Template, out, nil)
}

// withClaimVolumes puts the volume of each claim template in place of one of the same name or, where there is none,
// after all others, so that these keep their places.
func withClaimVolumes(volumes []corev1.Volume, claims []corev1.PersistentVolumeClaim) []corev1.Volume {
	for i := range claims {
		added := corev1.Volume{Name: claims[i].Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claims[i].Name},
		}}
		same := func(v corev1.Volume) bool { return v.Name == added.Name }
		if at := slices.IndexFunc(volumes, same); at >= 0 {
			volumes[at] = added
		} else {
			volumes = append(volumes, added)
		}
	}
	return volumes
}

// withoutClaimVolumes drops the errors about volumes that are not in the template: what is wrong with claim templates
// is said where they are.
func withoutClaimVolumes(errs field.ErrorList, template *core.PodTemplateSpec, own int, path *field.Path) field.ErrorList {
	for i := own; i < len(template.Spec.Volumes); i++ {
		prefix := path.Child("spec", "volumes").Index(i).String()
		errs = slices.DeleteFunc(errs, func(err *field.Error) bool { return strings.HasPrefix(err.Field, prefix) })
	}
	return errs
}

// placeMetadata corrects the paths of labels and annotations, in which Kubernetes leaves metadata out.
func placeMetadata(errs field.ErrorList, path *field.Path) {
	for _, err := range errs {
		for _, name := range []string{"labels", "annotations"} {
			if rest, found := strings.CutPrefix(err.Field, path.Child(name).String()); found {
				err.Field = path.Child("metadata", name).String() + rest
			}
		}
	}
}

// validateTemplateLabels: Pods that the selector does not match would be made without end. A selector that is wrong by
// itself is left to validateSelector.
func validateTemplateLabels(spec *v1beta1.StatefulSetSpec, path *field.Path) field.ErrorList {
	selector, err := metav1.LabelSelectorAsSelector(spec.Selector)
	if err != nil || selector.Empty() || selector.Matches(labels.Set(spec.Template.Labels)) || spec.Selector == nil {
		return nil
	}
	return field.ErrorList{field.Invalid(path, labels.FormatLabels(spec.Template.Labels), fmt.Sprintf(
		"must be matched by spec.selector, which is %s", metav1.FormatLabelSelector(spec.Selector)))}
}

func validateRunsForEver(spec *core.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.RestartPolicy != core.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(path.Child("restartPolicy"), spec.RestartPolicy, []core.RestartPolicy{core.RestartPolicyAlways}))
	}
	if spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("activeDeadlineSeconds"), "the Pods of a StatefulSet run without an end: remove it"))
	}
	return errs
}
