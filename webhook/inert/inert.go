// SPDX-License-Identifier: Apache-2.0

// Package inert finds what is written in an object and has no effect, so that its writer can be warned. It is pure.
package inert

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// UnknownFields names the fields of an object that its Go type does not know, such as misspelt ones, as: unknown field
// "<path>". Only those below some paths are named, each written as "spec.template." or "spec.volumes[": the parts whose
// schema keeps unknown fields. Of the others the API server warns itself. Of an object that cannot be decoded it names
// none. The object's quantities must be in bounds, as internal/quantity has them: they are read.
func UnknownFields(bounded []byte, into any, below ...string) []string {
	fields := map[string]any{}
	if err := json.Unmarshal(bounded, &fields); err != nil {
		return nil
	}
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(fields, into, true)
	strict, isStrict := runtime.AsStrictDecodingError(err)
	if !isStrict {
		return nil
	}
	var out []string
	for _, err := range strict.Errors() {
		text := err.Error()
		if slices.ContainsFunc(below, func(path string) bool { return strings.Contains(text, `"`+path) }) {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

// UnknownWarnings are those for fields that UnknownFields found.
func UnknownWarnings(unknown []string) []string {
	out := make([]string, 0, len(unknown))
	for _, field := range unknown {
		out = append(out, field+", which is kept but has no effect unless the cluster knows it")
	}
	return out
}

// Unserved says why new Pods of a namespace are not seen by the webhooks, so that nothing is injected into them or
// patched; "" when they are seen. It goes on after the namespace's name. excluded are names of namespaces.
func Unserved(namespace *corev1.Namespace, excluded []string) string {
	switch {
	case slices.Contains(excluded, namespace.Name):
		return "is one of the cluster's or Windlass' own, or listed in the chart's value webhook.excludedNamespaces"
	case namespace.Labels[v1beta1.InjectionLabel] == v1beta1.InjectionDisabled:
		return fmt.Sprintf("is labelled %s=%s", v1beta1.InjectionLabel, v1beta1.InjectionDisabled)
	default:
		return ""
	}
}

// EnvWarnings names the variables of a container by which OpenKruise does what Windlass does not; path is the
// container's.
func EnvWarnings(env []corev1.EnvVar, path *field.Path) []string {
	var out []string
	for i := range env {
		if instead := insteadOf(env[i].Name); instead != "" {
			out = append(out, fmt.Sprintf("%s: has no effect here: %s", path.Child("env").Key(env[i].Name), instead))
		}
	}
	return out
}

// insteadOf says what to do instead of setting a variable, "" for one that is nothing to us.
func insteadOf(name string) string {
	switch {
	case strings.HasPrefix(name, "KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT"), strings.HasPrefix(name, "KRUISE_TERMINATE_POD_WHEN_JOB_EXIT"):
		return "a sidecar that must not hold a Job up is a native one, an entry of initContainers with restartPolicy Always"
	case name == v1beta1.ContainerLaunchPriorityEnv:
		return startOrder
	}
	return ""
}

const (
	launchPriorityAnnotation = "apps.kruise.io/container-launch-priority"
	startOrder               = "containers start in no order of their own; native sidecars, entries of initContainers " +
		"with restartPolicy Always, start first and one after the other"
)

// AnnotationWarnings does so for the annotations that Pods are to get; path is that of the annotations.
func AnnotationWarnings(annotations map[string]string, path *field.Path) []string {
	if _, found := annotations[launchPriorityAnnotation]; !found {
		return nil
	}
	return []string{fmt.Sprintf("%s: has no effect here: %s", path.Key(launchPriorityAnnotation), startOrder)}
}
