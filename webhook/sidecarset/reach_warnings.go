// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/inert"
)

// unservedWarnings: a set for namespaces that no webhook serves would be waited for in vain.
func unservedWarnings(input Input, set *sidecar.Set) []string {
	const consequence = "no Pod gets the sidecars"
	if only := set.OnlyNamespace(); only != "" {
		if why := unserved(input, only); why != "" {
			return []string{fmt.Sprintf("%s: %q is never served by the Pod webhooks, so %s: it %s", namespacePath(&set.Object.Spec),
				only, consequence, why)}
		}
		return nil
	}
	var names []string
	for _, namespace := range input.Namespaces {
		if !set.MatchesNamespace(namespace.Name, namespace.Labels) {
			continue
		}
		if inert.Unserved(namespace, input.Excluded) == "" {
			return nil
		}
		names = append(names, namespace.Name)
	}
	if len(names) == 0 {
		return nil // there may be some later
	}
	slices.Sort(names)
	return []string{fmt.Sprintf("spec.namespaceSelector: selects only namespaces that the Pod webhooks do not serve, so "+
		"%s: %s", consequence, few(names))}
}

func namespacePath(spec *v1beta1.SidecarSetSpec) string {
	if spec.Namespace != "" {
		return "spec.namespace"
	}
	return "spec.namespaceSelector"
}

// unserved says why the webhooks do not serve a namespace, "" when they do.
func unserved(input Input, name string) string {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, known := range input.Namespaces {
		if known.Name == name {
			namespace = known
		}
	}
	return inert.Unserved(namespace, input.Excluded)
}

// few names at most five.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// runningWarnings tell of a change that does not come to Pods that run. They are counted by the last status: this
// program knows no Pods.
func runningWarnings(set *sidecar.Set, old *v1beta1.SidecarSet) []string {
	if old == nil || old.Status.MatchedPods == 0 {
		return nil
	}
	fields := set.DifferenceFromSpec(&old.Spec).Fixed
	if len(fields) == 0 {
		fields = atCreation(&old.Spec, &set.Object.Spec)
	}
	if len(fields) == 0 {
		return nil
	}
	who, they := "1 running Pod, counted by the last status, keeps", "it is"
	if n := old.Status.MatchedPods; n > 1 {
		who, they = fmt.Sprintf("%d running Pods, counted by the last status, keep", n), "they are"
	}
	return []string{fmt.Sprintf("%s cannot change in a running Pod: %s the earlier sidecars until %s made anew",
		strings.Join(fields, ", "), who, they)}
}

// atCreation names what has changed of that which Pods get at their creation and by which no Pod counts as outdated.
func atCreation(old, spec *v1beta1.SidecarSetSpec) (fields []string) {
	for _, each := range []struct {
		name          string
		before, after any
	}{
		{"spec.initContainers", old.InitContainers, spec.InitContainers},
		{"spec.volumes", old.Volumes, spec.Volumes},
		{"spec.imagePullSecrets", old.ImagePullSecrets, spec.ImagePullSecrets},
	} {
		if !equality.Semantic.DeepEqual(each.before, each.after) {
			fields = append(fields, each.name)
		}
	}
	return fields
}

// envWarnings names the variables of other implementations.
func envWarnings(spec *v1beta1.SidecarSetSpec) []string {
	var out []string
	for _, c := range sidecarsOf(spec) {
		out = append(out, inert.EnvWarnings(c.Env, c.path)...)
	}
	for i := range spec.PatchPodMetadata {
		path := field.NewPath("spec", "patchPodMetadata").Index(i).Child("annotations")
		out = append(out, inert.AnnotationWarnings(spec.PatchPodMetadata[i].Annotations, path)...)
	}
	return out
}
