// SPDX-License-Identifier: Apache-2.0

package selectors

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"
)

// The selectors speak of these keys and values. Label values that no selector mentions are all alike to them, so one
// such value stands for all.
var (
	keys      = []string{"a", "b", "c"}
	mentioned = []string{"x", "y", "z"}
)

const unmentioned = "w"

// TestOverlapIsWhatTryingAllLabelsFinds compares the solver with brute force: Kubernetes' own matching, over every set
// of labels that could matter.
func TestOverlapIsWhatTryingAllLabelsFinds(t *testing.T) {
	everyLabels := allLabels(keys)
	rapid.Check(t, func(t *rapid.T) {
		left, right := selectorGenerator().Draw(t, "left"), selectorGenerator().Draw(t, "right")
		a, err := Compile(left)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Compile(right)
		if err != nil {
			t.Fatal(err)
		}
		want := false
		both := []labels.Selector{kubernetes(t, left), kubernetes(t, right)}
		for _, candidate := range everyLabels {
			if both[0].Matches(candidate) && both[1].Matches(candidate) {
				want = true
				break
			}
		}
		if got := a.Overlap(b); got != want {
			t.Fatalf("overlap %t, want %t", got, want)
		}
		if a.Overlap(b) != b.Overlap(a) {
			t.Fatal("overlap depends on the order")
		}
	})
}

func kubernetes(t *rapid.T, selector *metav1.LabelSelector) labels.Selector {
	out, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// allLabels returns every choice of absent or one of the values, for each key.
func allLabels(keys []string) []labels.Set {
	if len(keys) == 0 {
		return []labels.Set{{}}
	}
	var out []labels.Set
	for _, rest := range allLabels(keys[1:]) {
		out = append(out, rest)
		for _, value := range append([]string{unmentioned, ""}, mentioned...) {
			out = append(out, labels.Merge(rest, labels.Set{keys[0]: value}))
		}
	}
	return out
}

func selectorGenerator() *rapid.Generator[*metav1.LabelSelector] {
	return rapid.Custom(func(t *rapid.T) *metav1.LabelSelector {
		values := rapid.SampledFrom(append([]string{""}, mentioned...))
		return &metav1.LabelSelector{
			MatchLabels:      rapid.MapOfN(rapid.SampledFrom(keys), values, 0, 2).Draw(t, "matchLabels"),
			MatchExpressions: rapid.SliceOfN(requirementGenerator(), 0, 4).Draw(t, "matchExpressions"),
		}
	})
}

func requirementGenerator() *rapid.Generator[metav1.LabelSelectorRequirement] {
	return rapid.Custom(func(t *rapid.T) metav1.LabelSelectorRequirement {
		out := metav1.LabelSelectorRequirement{
			Key: rapid.SampledFrom(keys).Draw(t, "key"),
			Operator: rapid.SampledFrom([]metav1.LabelSelectorOperator{
				metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist,
			}).Draw(t, "operator"),
		}
		if out.Operator == metav1.LabelSelectorOpIn || out.Operator == metav1.LabelSelectorOpNotIn {
			out.Values = rapid.SliceOfN(rapid.SampledFrom(mentioned), 1, 4).Draw(t, "values")
		}
		return out
	})
}
