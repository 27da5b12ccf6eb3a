// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/webhook/inert"
)

// Warnings names what a StatefulSet says without effect, and what has another effect than one might think.
func Warnings(input Input) []string {
	spec := field.NewPath("spec")
	return slices.Concat(
		input.Dropped,
		inert.UnknownWarnings(input.Unknown),
		templateWarnings(input, spec.Child("template")),
		otherWarnings(&input.Set.Spec.Template, spec.Child("template")),
		strategyWarnings(&input.Set.Spec, spec.Child("updateStrategy")),
		pull.SettingWarnings(input.Set),
		scaleWarnings(&input.Set.Spec, spec.Child("scaleStrategy")),
		lifecycleWarnings(input.Set.Spec.Lifecycle, spec.Child("lifecycle")),
		claimWarnings(input, spec.Child("volumeClaimTemplates")),
	)
}

// otherWarnings names what does something in OpenKruise alone.
func otherWarnings(template *corev1.PodTemplateSpec, path *field.Path) []string {
	out := inert.AnnotationWarnings(template.Annotations, path.Child("metadata", "annotations"))
	for _, list := range []struct {
		name       string
		containers []corev1.Container
	}{{"initContainers", template.Spec.InitContainers}, {"containers", template.Spec.Containers}} {
		for i := range list.containers {
			c := &list.containers[i]
			out = append(out, inert.EnvWarnings(c.Env, path.Child("spec", list.name).Index(i))...)
		}
	}
	return out
}

// templateWarnings are those that Kubernetes gives for templates of its own.
func templateWarnings(input Input, path *field.Path) []string {
	template, err := internalTemplate(&input.Set.Spec)
	if err != nil {
		return nil // validateTemplate says so
	}
	before, err := internalTemplate(specOf(input.Old))
	if err != nil {
		return nil
	}
	return podutil.GetWarningsForPodTemplate(context.Background(), path, template, before)
}

func strategyWarnings(spec *v1beta1.StatefulSetSpec, path *field.Path) []string {
	rolling := spec.UpdateStrategy.RollingUpdate
	if rolling == nil {
		return nil
	}
	path = path.Child("rollingUpdate")
	if spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return onDeleteWarnings(rolling, path)
	}
	return countWarnings(rolling.MaxUnavailable, spec.Replicas, path.Child("maxUnavailable"))
}

// onDeleteWarnings names what is set for a rolling update that there is not. The defaults are in every object.
func onDeleteWarnings(rolling *v1beta1.RollingUpdateStatefulSetStrategy, path *field.Path) []string {
	var out []string
	for name, isSet := range map[string]bool{
		"partition":       ptr.Deref(rolling.Partition, 0) != 0,
		"maxUnavailable":  rolling.MaxUnavailable != nil && *rolling.MaxUnavailable != intstr.FromInt32(1),
		"podUpdatePolicy": rolling.PodUpdatePolicy != "" && rolling.PodUpdatePolicy != v1beta1.ReCreatePodUpdatePolicy,
		"paused":          rolling.Paused,
		"unorderedUpdate": rolling.UnorderedUpdate != nil,
	} {
		if isSet {
			out = append(out, fmt.Sprintf("%s: has no effect while updateStrategy.type is OnDelete", path.Child(name)))
		}
	}
	slices.Sort(out)
	return out
}

func scaleWarnings(spec *v1beta1.StatefulSetSpec, path *field.Path) []string {
	if spec.ScaleStrategy == nil {
		return nil
	}
	return countWarnings(spec.ScaleStrategy.MaxUnavailable, spec.Replicas, path.Child("maxUnavailable"))
}

// countWarnings tells of a percentage that is less than one Pod.
func countWarnings(limit *intstr.IntOrString, replicas *int32, path *field.Path) []string {
	total := ptr.Deref(replicas, 1)
	if limit == nil || limit.Type == intstr.Int || total == 0 {
		return nil
	}
	if pods, err := intstr.GetScaledValueFromIntOrPercent(limit, int(total), false); err != nil || pods > 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s of %d replicas is less than one Pod; one at a time may be unavailable", path, limit.StrVal, total)}
}
