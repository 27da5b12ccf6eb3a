// SPDX-License-Identifier: Apache-2.0

package selectors

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func labelled(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func expressed(expressions ...metav1.LabelSelectorRequirement) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: expressions}
}

func requirement(key string, operator metav1.LabelSelectorOperator, values ...string) metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values}
}

func TestOverlap(t *testing.T) {
	const in, notIn, exists, doesNotExist = metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist
	for name, test := range map[string]struct {
		a, b *metav1.LabelSelector
		want bool
	}{
		"the same label":                                {labelled("app", "web"), labelled("app", "web"), true},
		"another value of the same label":               {labelled("app", "web"), labelled("app", "db"), false},
		"labels of different keys":                      {labelled("app", "web"), labelled("tier", "front"), true},
		"In with a common value":                        {expressed(requirement("app", in, "a", "b")), expressed(requirement("app", in, "b", "c")), true},
		"In without a common value":                     {expressed(requirement("app", in, "a", "b")), expressed(requirement("app", in, "c")), false},
		"NotIn leaves one of the values":                {expressed(requirement("app", notIn, "a")), expressed(requirement("app", in, "a", "b")), true},
		"NotIn covers all values":                       {expressed(requirement("app", notIn, "a", "b")), labelled("app", "a"), false},
		"two NotIn":                                     {expressed(requirement("app", notIn, "a")), expressed(requirement("app", notIn, "b")), true},
		"Exists on a key that the other does not have":  {expressed(requirement("canary", exists)), labelled("app", "web"), true},
		"Exists and DoesNotExist":                       {expressed(requirement("app", exists)), expressed(requirement("app", doesNotExist)), false},
		"DoesNotExist and a value":                      {expressed(requirement("app", doesNotExist)), labelled("app", "web"), false},
		"DoesNotExist and NotIn":                        {expressed(requirement("app", doesNotExist)), expressed(requirement("app", notIn, "a")), true},
		"Exists and NotIn":                              {expressed(requirement("app", exists)), expressed(requirement("app", notIn, "a")), true},
		"an empty one matches everything":               {&metav1.LabelSelector{}, labelled("app", "web"), true},
		"nil matches nothing":                           {nil, &metav1.LabelSelector{}, false},
		"one that contradicts itself":                   {expressed(requirement("app", in, "a"), requirement("app", notIn, "a")), labelled("tier", "front"), false},
		"In without values":                             {expressed(requirement("app", in)), &metav1.LabelSelector{}, false},
		"only the second of two common keys is at odds": {&metav1.LabelSelector{MatchLabels: map[string]string{"a": "1", "b": "1"}}, &metav1.LabelSelector{MatchLabels: map[string]string{"a": "1", "b": "2"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := compile(t, test.a), compile(t, test.b)
			got := []bool{a.Overlap(b), b.Overlap(a)}
			if diff := cmp.Diff([]bool{test.want, test.want}, got); diff != "" {
				t.Errorf("overlap, both ways round (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	byName := labelled("kubernetes.io/metadata.name", "shop")
	for name, test := range map[string]struct {
		selector *metav1.LabelSelector
		want     bool
	}{
		"no selector reaches every namespace":            {nil, true},
		"a selector by that name":                        {byName, true},
		"a selector by another name":                     {labelled("kubernetes.io/metadata.name", "bank"), false},
		"a selector by a label that it may have":         {labelled("team", "a"), true},
		"a selector that excludes it by name":            {expressed(requirement("kubernetes.io/metadata.name", metav1.LabelSelectorOpNotIn, "shop")), false},
		"one of namespaces without a name, which are no": {expressed(requirement("kubernetes.io/metadata.name", metav1.LabelSelectorOpDoesNotExist)), false},
	} {
		t.Run(name, func(t *testing.T) {
			selector, err := Namespaces(test.selector)
			if err != nil {
				t.Fatal(err)
			}
			if got := selector.Overlap(Namespace("shop")); got != test.want {
				t.Errorf("reaches namespace shop: %t, want %t", got, test.want)
			}
		})
	}
}

func TestMatchesNothing(t *testing.T) {
	contradiction := expressed(requirement("app", metav1.LabelSelectorOpExists), requirement("app", metav1.LabelSelectorOpDoesNotExist))
	if !compile(t, contradiction).MatchesNothing() {
		t.Error("a contradiction is not found")
	}
	if compile(t, labelled("app", "web")).MatchesNothing() {
		t.Error("a plain selector is taken for a contradiction")
	}
}

func TestAnUnknownOperatorIsNamed(t *testing.T) {
	_, err := Compile(expressed(requirement("app", "Like", "web")))
	const want = `label app: operator "Like" does not exist: it must be In, NotIn, Exists or DoesNotExist`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestOverlapAllocatesNothing(t *testing.T) {
	a := compile(t, expressed(requirement("app", metav1.LabelSelectorOpNotIn, "a", "b"), requirement("tier", metav1.LabelSelectorOpExists)))
	b := compile(t, &metav1.LabelSelector{MatchLabels: map[string]string{"app": "c", "tier": "front"}})
	if allocations := testing.AllocsPerRun(100, func() { a.Overlap(b) }); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func compile(t *testing.T, selector *metav1.LabelSelector) Selector {
	t.Helper()
	out, err := Compile(selector)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
