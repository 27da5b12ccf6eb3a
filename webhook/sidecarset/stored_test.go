// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestASetThatIsReplacedOrDeletedBringsNothingMore(t *testing.T) {
	stored := NewStored()
	put := func(set *v1beta1.SidecarSet) {
		t.Helper()
		if err := stored.Put(set); err != nil {
			t.Fatal(err)
		}
	}
	newcomer := named("s")
	with := func() []string {
		t.Helper()
		conflicts, err := Conflicts(newcomer, stored)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range conflicts {
			out = append(out, c.With...)
		}
		return out
	}
	put(named("other"))
	if diff := cmp.Diff([]string{"other"}, with()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	put(build.MakeSidecarSet("other").Container("renamed", "agent:1").Obj())
	if got := with(); got != nil {
		t.Errorf("replaced, but still in conflict with %v", got)
	}
	put(named("other"))
	stored.Delete("other")
	stored.Delete("unknown")
	if got := with(); got != nil || stored.Get("other") != nil {
		t.Errorf("deleted, but still in conflict with %v", got)
	}
}

func TestASetThatCannotBeUnderstoodIsLeftOut(t *testing.T) {
	stored := NewStored()
	if err := stored.Put(named("other")); err != nil {
		t.Fatal(err)
	}
	broken := build.MakeSidecarSet("other").Selector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}).Obj()
	const want = `SidecarSet other: spec.selector: label a: operator "Like" does not exist: it must be In, NotIn, Exists or DoesNotExist`
	if err := stored.Put(broken); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if stored.Get("other") != nil {
		t.Error("the set before still stands")
	}
}

// TestTheIndexFindsWhatComparingAllPairsFinds: filing sets by what they bring is faster than comparing a set with all
// others, and must not find less.
func TestTheIndexFindsWhatComparingAllPairsFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := rapid.SliceOfN(setGenerator(), 1, 6).Draw(t, "sets")
		stored := NewStored()
		for i, set := range sets {
			set.Name = fmt.Sprintf("s%d", i)
			if err := stored.Put(set); err != nil {
				t.Fatal(err)
			}
		}
		conflicts, err := Conflicts(sets[0], stored)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range conflicts {
			got = append(got, c.With...)
		}
		slices.Sort(got)
		var want []string
		for _, other := range sets[1:] {
			if conflictsByHand(sets[0], other) {
				want = append(want, other.Name)
			}
		}
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Fatalf("conflicts (-want +got):\n%s", diff)
		}
	})
}

// setGenerator makes sets of one sidecar, for Pods of one label.
func setGenerator() *rapid.Generator[*v1beta1.SidecarSet] {
	return rapid.Custom(func(t *rapid.T) *v1beta1.SidecarSet {
		set := build.MakeSidecarSet("").Container(rapid.SampledFrom([]string{"a", "a-1", "b"}).Draw(t, "container"), "i").Obj()
		set.Spec.Selector = selecting("app", rapid.SampledFrom([]string{"web", "db"}).Draw(t, "app"))
		set.Spec.Namespace = rapid.SampledFrom([]string{"", "shop", "bank"}).Draw(t, "namespace")
		if rapid.Bool().Draw(t, "hot") {
			hot(&set.Spec.Containers[0])
		}
		return set
	})
}

func conflictsByHand(a, b *v1beta1.SidecarSet) bool {
	samePods := a.Spec.Selector.MatchLabels["app"] == b.Spec.Selector.MatchLabels["app"]
	sameNamespace := a.Spec.Namespace == "" || b.Spec.Namespace == "" || a.Spec.Namespace == b.Spec.Namespace
	names := func(set *v1beta1.SidecarSet) []string { return sidecarsOf(&set.Spec)[0].names() }
	common := slices.ContainsFunc(names(a), func(name string) bool { return slices.Contains(names(b), name) })
	return samePods && sameNamespace && common
}

// BenchmarkConflicts measures the comparison of one set with 50,000 stored ones: when each has containers of its own
// names, and, at worst, when all have one of the same name for different Pods.
func BenchmarkConflicts(b *testing.B) {
	const sets = 50_000
	for name, container := range map[string]func(i int) string{
		"names of their own": func(i int) string { return fmt.Sprintf("agent-%d", i) },
		"the same name":      func(int) string { return "agent" },
	} {
		stored := NewStored()
		for i := range sets {
			set := build.MakeSidecarSet(fmt.Sprintf("s%d", i)).Container(container(i), "agent:1").Obj()
			set.Spec.Selector = selecting("app", fmt.Sprintf("app-%d", i))
			if err := stored.Put(set); err != nil {
				b.Fatal(err)
			}
		}
		newcomer := named("newcomer")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if found, err := Conflicts(newcomer, stored); err != nil || len(found) > 0 {
					b.Fatal(found, err)
				}
			}
		})
	}
}

// BenchmarkValidate measures a whole validation beside 50,000 stored sets and 1,000 namespaces.
func BenchmarkValidate(b *testing.B) {
	stored := NewStored()
	for i := range 50_000 {
		set := build.MakeSidecarSet(fmt.Sprintf("s%d", i)).Container(fmt.Sprintf("agent-%d", i), "agent:1").Obj()
		if err := stored.Put(set); err != nil {
			b.Fatal(err)
		}
	}
	input := given{}.input(b)
	input.Stored, input.Namespaces = stored, many(1000)
	b.ReportAllocs()
	for b.Loop() {
		if result := Validate(input); len(result.Errors) > 0 {
			b.Fatal(result.Errors)
		}
	}
}
