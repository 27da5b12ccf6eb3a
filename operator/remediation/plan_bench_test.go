// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkPlan is one decision over a set of n Pods on n/10 Nodes: "steady" where all of them run, "failing" where one in
// a hundred cannot pull its image, on a few Nodes, and "outage" where none can.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		for name, failing := range map[string]int{"steady": 0, "failing": n / 100, "outage": n} {
			b.Run(fmt.Sprintf("pods=%d/%s", n, name), func(b *testing.B) {
				s := manyPods(n, failing)
				if cases := len(decide(s).Cases); cases != failing {
					b.Fatalf("%d cases, want %d", cases, failing)
				}
				b.ReportAllocs()
				for b.Loop() {
					decide(s)
				}
			})
		}
	}
}

// manyPods are n Pods, ten on each Node, of which some fail: all Pods of the first Nodes.
func manyPods(n, failing int) *Snapshot {
	names := manyNodes(n / 10)
	sc := newScene(names...)
	for i := range n {
		if node := names[i/10]; i < failing {
			sc.failing(node, long+time.Duration(i)*time.Second)
		} else {
			sc.running(node)
		}
	}
	return sc.snapshot
}

// What a plan allocates for a Pod does not grow with the number of Pods, however many of them fail.
func TestPlansGrowWithTheirPods(t *testing.T) {
	perPod := func(n int) (allocations, bytes float64) {
		s := manyPods(n, n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plan := decide(s)
		runtime.ReadMemStats(&after)
		if len(plan.Cases) != n {
			t.Fatalf("%d cases of %d Pods", len(plan.Cases), n)
		}
		return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
	}
	few, fewBytes := perPod(500)
	many, manyBytes := perPod(4_000)
	if many > 1.5*few || manyBytes > 1.5*fewBytes {
		t.Errorf("for each Pod of 500: %.1f allocations, %.0f bytes; of 4,000: %.1f, %.0f", few, fewBytes, many, manyBytes)
	}
}
