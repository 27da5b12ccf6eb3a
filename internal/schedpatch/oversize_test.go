// SPDX-License-Identifier: Apache-2.0

package schedpatch_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// What a Pod of the greatest size that the API server takes would cost is cut off before it is paid: without the limits
// this test takes minutes.
func TestAPodOfMegabytesIsLeftAlone(t *testing.T) {
	const many = 60_000
	requirements := func(n int) []corev1.NodeSelectorRequirement {
		var out []corev1.NodeSelectorRequirement
		for i := range n {
			out = append(out, corev1.NodeSelectorRequirement{Key: "k" + strconv.Itoa(i), Operator: corev1.NodeSelectorOpExists})
		}
		return out
	}
	requiring := func(terms ...corev1.NodeSelectorTerm) *corev1.Affinity {
		return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}}
	}
	preferring := &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}
	apart := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
	for i := range many {
		key := "k" + strconv.Itoa(i)
		preferring.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution = append(
			preferring.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution,
			corev1.PreferredSchedulingTerm{Weight: 1, Preference: corev1.NodeSelectorTerm{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpExists}}}})
		apart.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution = append(
			apart.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, corev1.PodAffinityTerm{TopologyKey: key})
	}
	zones := func(n int) string {
		var terms []string
		for i := range n {
			terms = append(terms, "{matchExpressions: [{key: zone, operator: In, values: [z"+strconv.Itoa(i)+"]}]}")
		}
		return required(strings.Join(terms, ","))
	}
	for name, tc := range map[string]struct {
		pod   *corev1.Affinity
		patch string
		want  []outcome
	}{
		"many requirements": {requiring(corev1.NodeSelectorTerm{MatchExpressions: requirements(many)}), zones(64),
			[]outcome{{"p0", schedpatch.OutcomeSkipped, schedpatch.ReasonTooManyTerms,
				"the Pod's required node affinity would have 3840128 requirements and values, more than 20000"}}},
		"many preferences": {preferring,
			"affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: " +
				"[{key: a, operator: Exists}]}}, " +
				"{weight: 2, preference: {matchExpressions: [{key: a, operator: Exists}]}}]}}",
			[]outcome{{"p0", schedpatch.OutcomeSkipped, schedpatch.ReasonTooManyTerms,
				"the affinity of the Pod and that of the patch are 120000 pairs of rules to compare, more than 100000"}}},
		"many Pods to keep away from": {apart,
			"affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [" +
				"{topologyKey: a, labelSelector: {matchLabels: {a: b}}}, {topologyKey: b, labelSelector: {matchLabels: {a: b}}}]}}",
			[]outcome{{"p0", schedpatch.OutcomeSkipped, schedpatch.ReasonTooManyTerms,
				"the affinity of the Pod and that of the patch are 120000 pairs of rules to compare, more than 100000"}}},
		"as many as anybody writes": {requiring(corev1.NodeSelectorTerm{MatchExpressions: requirements(200)}), zones(64), applied},
		"nothing of the patch to merge them with": {requiring(corev1.NodeSelectorTerm{MatchExpressions: requirements(many)}),
			"tolerations: [{key: a, operator: Exists}]", applied},
	} {
		t.Run(name, func(t *testing.T) {
			_, results := schedpatch.Merge(&schedpatch.Rules{Affinity: tc.pod}, compiled(t, tc.patch))
			if diff := cmp.Diff(tc.want, outcomes(results)); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
		})
	}
}
