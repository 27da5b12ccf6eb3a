// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

const (
	// maxSize is how many requirements and values a required node affinity may come to have, and maxComparisons how
	// many pairs of rules are compared to leave out repetitions. Nobody writes as many; without an end a Pod of some
	// megabytes would keep a webhook busy for minutes, and grow sixtyfold.
	maxSize, maxComparisons = 20_000, 100_000
)

// oversize is in the way of rules that are too many to be merged.
func oversize(pod, patch *corev1.Affinity) *obstacle {
	if pod == nil || patch == nil {
		return nil
	}
	if size := productSize(pod, patch); size > maxSize {
		return &obstacle{ReasonTooManyTerms, fmt.Sprintf(
			"the Pod's required node affinity would have %d requirements and values, more than %d", size, maxSize)}
	}
	if pairs := comparisons(pod, patch); pairs > maxComparisons {
		return &obstacle{ReasonTooManyTerms, fmt.Sprintf(
			"the affinity of the Pod and that of the patch are %d pairs of rules to compare, more than %d", pairs, maxComparisons)}
	}
	return nil
}

// productSize is how many requirements and values there are when each term of the Pod is put together with each of the
// patch.
func productSize(pod, patch *corev1.Affinity) int {
	own, ownThere := requiredTerms(pod)
	terms, there := requiredTerms(patch)
	if !ownThere || !there {
		return 0
	}
	return sizeOf(own)*len(terms) + sizeOf(terms)*len(own)
}

func sizeOf(terms []corev1.NodeSelectorTerm) int {
	size := 0
	for i := range terms {
		for _, list := range [][]corev1.NodeSelectorRequirement{terms[i].MatchExpressions, terms[i].MatchFields} {
			for j := range list {
				size += 1 + len(list[j].Values)
			}
		}
	}
	return size
}

func comparisons(pod, patch *corev1.Affinity) int {
	sum := 0
	if a, b := pod.NodeAffinity, patch.NodeAffinity; a != nil && b != nil {
		sum += len(a.PreferredDuringSchedulingIgnoredDuringExecution) * len(b.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a, b := pod.PodAffinity, patch.PodAffinity; a != nil && b != nil {
		sum += len(a.RequiredDuringSchedulingIgnoredDuringExecution)*len(b.RequiredDuringSchedulingIgnoredDuringExecution) +
			len(a.PreferredDuringSchedulingIgnoredDuringExecution)*len(b.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a, b := pod.PodAntiAffinity, patch.PodAntiAffinity; a != nil && b != nil {
		sum += len(a.RequiredDuringSchedulingIgnoredDuringExecution)*len(b.RequiredDuringSchedulingIgnoredDuringExecution) +
			len(a.PreferredDuringSchedulingIgnoredDuringExecution)*len(b.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return sum
}
