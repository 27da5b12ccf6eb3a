// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// A status is computed in every look at a set; this is one of 5,000 Pods that all start.
func BenchmarkStatusOf5000Pods(b *testing.B) {
	w := newWorld(b, build.MakeStatefulSet("web").Replicas(5000).Parallel())
	w.cache.Sync()
	first := w.snapshot()
	plan, err := makePlan(first)
	if err != nil {
		b.Fatal(err)
	}
	s := *first
	for i := range plan.Create {
		s.Pods = append(s.Pods, s.newView(plan.Create[i].Pod))
	}
	plan, err = makePlan(&s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		makeStatus(&s, plan, &Outcome{})
	}
}
