// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// The index must find exactly the sets that asking every one would find.
func TestIndexFindsWhatAskingEverySetFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		index := sidecar.NewIndex()
		sets := map[string]*sidecar.Set{}
		for range rapid.IntRange(0, 30).Draw(t, "changes") {
			name := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "name")
			if rapid.Bool().Draw(t, "delete") {
				index.Delete(name)
				delete(sets, name)
				continue
			}
			if known := sets[name]; known != nil && rapid.Bool().Draw(t, "renew") {
				object := known.Object.DeepCopy()
				object.Status.MatchedPods++
				index.Renew(object)
				if index.Get(name).Object != object {
					t.Fatalf("the former object of %s is kept", name)
				}
				continue
			}
			set, err := sidecar.Compile(build.MakeSidecarSet(name).Spec(drawSelection(t)).Obj())
			if err != nil {
				t.Fatal(err)
			}
			index.Put(set)
			sets[name] = set
		}
		namespace := rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "namespace")
		podLabels := rapid.MapOf(drawKey, drawValue).Draw(t, "labels")
		var want, got []string
		for _, set := range sets {
			if set.MatchesPod(podLabels) && set.MatchesNamespace(namespace, map[string]string{"kubernetes.io/metadata.name": namespace}) {
				want = append(want, set.Name())
			}
		}
		for _, set := range index.Candidates(namespace, podLabels) {
			if set.MatchesNamespace(namespace, map[string]string{"kubernetes.io/metadata.name": namespace}) {
				got = append(got, set.Name())
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("candidates (-asked +indexed):\n%s", diff)
		}
	})
}

var (
	drawKey   = rapid.SampledFrom([]string{"k1", "k2", "k3"})
	drawValue = rapid.SampledFrom([]string{"v1", "v2"})
)

func drawSelection(t *rapid.T) func(*v1beta1.SidecarSetSpec) {
	selector := &metav1.LabelSelector{MatchLabels: rapid.MapOfN(drawKey, drawValue, 0, 2).Draw(t, "matchLabels")}
	for range rapid.IntRange(0, 2).Draw(t, "expressions") {
		e := metav1.LabelSelectorRequirement{
			Key: drawKey.Draw(t, "key"),
			Operator: rapid.SampledFrom([]metav1.LabelSelectorOperator{
				metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist,
			}).Draw(t, "operator"),
		}
		if e.Operator == metav1.LabelSelectorOpIn || e.Operator == metav1.LabelSelectorOpNotIn {
			e.Values = rapid.SliceOfN(drawValue, 1, 2).Draw(t, "values")
		}
		selector.MatchExpressions = append(selector.MatchExpressions, e)
	}
	reach := rapid.SampledFrom([]string{"all", "namespace", "selector"}).Draw(t, "reach")
	return func(spec *v1beta1.SidecarSetSpec) {
		spec.Selector = selector
		switch reach {
		case "namespace":
			spec.Namespace = "n1"
		case "selector":
			spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "n2"}}
		}
	}
}

func BenchmarkCandidates(b *testing.B) {
	for _, n := range []int{1, 1_000, 50_000} {
		index := sidecar.NewIndex()
		for i := range n {
			set, err := sidecar.Compile(build.MakeSidecarSet(fmt.Sprint("s", i)).
				Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web", "app": fmt.Sprint("app", i)}}).Obj())
			if err != nil {
				b.Fatal(err)
			}
			index.Put(set)
		}
		for name, podLabels := range map[string]map[string]string{
			"unmatched": {"tier": "web", "app": "other"},
			"matched":   {"tier": "web", "app": "app0"},
		} {
			b.Run(fmt.Sprintf("sets=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					index.Candidates("default", podLabels)
				}
			})
		}
	}
}
