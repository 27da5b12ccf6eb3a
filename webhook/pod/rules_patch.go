// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"maps"
	"slices"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// patchRules writes the merged scheduling rules as a JSON patch. A merge only ever appends to lists and adds keys, but
// for required node affinity, which is written again.
func patchRules(pod *corev1.Pod, merged *schedpatch.Rules) []jsonpatch.Operation {
	return slices.Concat(
		patchAffinity(pod.Spec.Affinity, merged.Affinity),
		appendNew("/spec/tolerations", pod.Spec.Tolerations, merged.Tolerations),
		addKeys(pod.Spec.NodeSelector, merged.NodeSelector, "spec", "nodeSelector"),
	)
}

func patchAffinity(old, merged *corev1.Affinity) []jsonpatch.Operation {
	const path = "/spec/affinity"
	switch {
	case merged == nil:
		return nil
	case old == nil:
		return add(path, merged)
	}
	return slices.Concat(
		patchNodeAffinity(path+"/nodeAffinity", old.NodeAffinity, merged.NodeAffinity),
		patchPodAffinity(path+"/podAffinity", old.PodAffinity, merged.PodAffinity),
		patchPodAffinity(path+"/podAntiAffinity", (*corev1.PodAffinity)(old.PodAntiAffinity), (*corev1.PodAffinity)(merged.PodAntiAffinity)),
	)
}

// The names of the two kinds of rules in every kind of affinity.
const (
	requiredRules  = "/requiredDuringSchedulingIgnoredDuringExecution"
	preferredRules = "/preferredDuringSchedulingIgnoredDuringExecution"
)

func patchNodeAffinity(path string, old, merged *corev1.NodeAffinity) []jsonpatch.Operation {
	switch {
	case merged == nil:
		return nil
	case old == nil:
		return add(path, merged)
	}
	out := appendNew(path+preferredRules,
		old.PreferredDuringSchedulingIgnoredDuringExecution, merged.PreferredDuringSchedulingIgnoredDuringExecution)
	required := merged.RequiredDuringSchedulingIgnoredDuringExecution
	if equality.Semantic.DeepEqual(old.RequiredDuringSchedulingIgnoredDuringExecution, required) {
		return out
	}
	return append(out, add(path+requiredRules, required)...)
}

// patchPodAffinity is for anti-affinity too, which has the same fields.
func patchPodAffinity(path string, old, merged *corev1.PodAffinity) []jsonpatch.Operation {
	switch {
	case merged == nil:
		return nil
	case old == nil:
		return add(path, merged)
	}
	return append(
		appendNew(path+requiredRules, old.RequiredDuringSchedulingIgnoredDuringExecution, merged.RequiredDuringSchedulingIgnoredDuringExecution),
		appendNew(path+preferredRules, old.PreferredDuringSchedulingIgnoredDuringExecution,
			merged.PreferredDuringSchedulingIgnoredDuringExecution)...)
}

func add(path string, value any) []jsonpatch.Operation {
	return []jsonpatch.Operation{jsonpatch.NewOperation("add", path, value)}
}

// appendNew appends what the merged list has over the old one.
func appendNew[T any](path string, old, merged []T) []jsonpatch.Operation {
	return appendTo(path, len(old), merged[len(old):])
}

// addKeys adds to a map what the merged one has over the old one, or another value for. The map may be missing when it
// is empty.
func addKeys(old, merged map[string]string, fields ...string) []jsonpatch.Operation {
	changed := maps.Clone(merged)
	maps.DeleteFunc(changed, func(key, value string) bool {
		known, ok := old[key]
		return ok && known == value
	})
	if len(changed) == 0 {
		return nil
	}
	if len(old) == 0 {
		return add(podpatch.Pointer(fields...), changed)
	}
	out := make([]jsonpatch.Operation, 0, len(changed))
	for _, key := range slices.Sorted(maps.Keys(changed)) {
		out = append(out, add(podpatch.Pointer(append(slices.Clip(fields), key)...), changed[key])...)
	}
	return out
}
