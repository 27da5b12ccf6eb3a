// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// addEnv appends variables that the container does not have by name. The first one wins: the sidecar's own, then what
// Windlass sets, then what is taken over.
func addEnv(c *corev1.Container, vars ...corev1.EnvVar) {
	for i := range vars {
		if findEnv(c.Env, vars[i].Name) == nil {
			c.Env = append(c.Env, *vars[i].DeepCopy())
		}
	}
}

func findEnv(env []corev1.EnvVar, name string) *corev1.EnvVar {
	for i := range env {
		if env[i].Name == name {
			return &env[i]
		}
	}
	return nil
}

// transferred collects the variables that a sidecar takes over from containers of the Pod, where they exist: by entry,
// and by name within one.
func (d *donor) transferred(transfers []v1beta1.TransferEnvVar) []corev1.EnvVar {
	var out []corev1.EnvVar
	for i := range transfers {
		source := d.container(d.sourceName(&transfers[i]))
		if source == nil {
			continue
		}
		for _, name := range transferNames(&transfers[i]) {
			if found := findEnv(source.Env, name); found != nil {
				out = append(out, *found)
			}
		}
	}
	return out
}

// sourceName is the container to transfer from, "" when it is not known. metadata.name is empty while a Pod is created
// by generateName.
func (d *donor) sourceName(transfer *v1beta1.TransferEnvVar) string {
	from := transfer.SourceContainerNameFrom
	if from == nil || from.FieldRef == nil {
		return transfer.SourceContainerName
	}
	name, err := fieldpath.ExtractFieldPathAsString(d.pod, from.FieldRef.FieldPath)
	if err != nil {
		return "" // a field that validation does not let in
	}
	return name
}

// container finds one of the Pod's own: what another set injects may be there in a second call, and was not in the
// first.
func (d *donor) container(name string) *corev1.Container {
	for _, c := range d.containers {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// transferNames are envName and envNames, sorted, each once.
func transferNames(transfer *v1beta1.TransferEnvVar) []string {
	names := slices.Clone(transfer.EnvNames)
	if transfer.EnvName != "" {
		names = append(names, transfer.EnvName)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// neededEnv picks the variables that an expression refers to as $(NAME), and before each of them those that its value
// refers to.
func neededEnv(expression string, env []corev1.EnvVar) []corev1.EnvVar {
	if expression == "" {
		return nil
	}
	var out []corev1.EnvVar
	seen := map[string]bool{}
	var visit func(text string)
	visit = func(text string) {
		expansion.Expand(text, func(name string) string {
			if found := findEnv(env, name); found != nil && !seen[name] {
				seen[name] = true
				visit(found.Value)
				out = append(out, *found)
			}
			return ""
		})
	}
	visit(expression)
	return out
}
