// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// obstacle is why a patch cannot be applied; the message goes on after "because".
type obstacle struct {
	reason  Reason
	message string
}

// mergeAffinity adds the affinity of a patch to that of a Pod, unless something is in the way.
func mergeAffinity(pod, patch *corev1.Affinity) (*corev1.Affinity, *obstacle) {
	if patch == nil {
		return pod, nil
	}
	if found := oversize(pod, patch); found != nil {
		return nil, found
	}
	merged := copyOrNew(pod)
	var found *obstacle
	merged.NodeAffinity, found = mergeNodeAffinity(merged.NodeAffinity, patch.NodeAffinity)
	merged.PodAffinity = mergePodAffinity(merged.PodAffinity, patch.PodAffinity)
	merged.PodAntiAffinity = mergePodAntiAffinity(merged.PodAntiAffinity, patch.PodAntiAffinity)
	return merged, found
}

func mergePodAffinity(pod, patch *corev1.PodAffinity) *corev1.PodAffinity {
	if patch == nil {
		return pod
	}
	merged := copyOrNew(pod)
	merged.RequiredDuringSchedulingIgnoredDuringExecution = appendNew(
		merged.RequiredDuringSchedulingIgnoredDuringExecution, patch.RequiredDuringSchedulingIgnoredDuringExecution)
	merged.PreferredDuringSchedulingIgnoredDuringExecution = appendNew(
		merged.PreferredDuringSchedulingIgnoredDuringExecution, patch.PreferredDuringSchedulingIgnoredDuringExecution)
	return merged
}

func mergePodAntiAffinity(pod, patch *corev1.PodAntiAffinity) *corev1.PodAntiAffinity {
	if patch == nil {
		return pod
	}
	merged := copyOrNew(pod)
	merged.RequiredDuringSchedulingIgnoredDuringExecution = appendNew(
		merged.RequiredDuringSchedulingIgnoredDuringExecution, patch.RequiredDuringSchedulingIgnoredDuringExecution)
	merged.PreferredDuringSchedulingIgnoredDuringExecution = appendNew(
		merged.PreferredDuringSchedulingIgnoredDuringExecution, patch.PreferredDuringSchedulingIgnoredDuringExecution)
	return merged
}

// copyOrNew makes a copy whose fields can be replaced.
func copyOrNew[T any](original *T) *T {
	out := new(T)
	if original != nil {
		*out = *original
	}
	return out
}

// appendNew appends the items that the list does not have yet. The list itself is not modified.
func appendNew[T any](list, items []T) []T {
	out := slices.Clip(list)
	for i := range items {
		if !slices.ContainsFunc(out, func(known T) bool { return equality.Semantic.DeepEqual(known, items[i]) }) {
			out = append(out, items[i])
		}
	}
	return out
}
