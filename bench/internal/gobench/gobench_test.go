// SPDX-License-Identifier: Apache-2.0

package gobench

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got := parse(`goos: linux
BenchmarkHandle/sets=1/unmatched-2         	   81214	     14500 ns/op	     45000 p99-ns/op	    4301 B/op	      55 allocs/op
BenchmarkPlan/pods=10000/views           	      12	   98.5 ns/op
BenchmarkBroken
PASS
ok  	example.com/x	2.1s
`)
	want := map[string]Figures{
		"Handle/sets=1/unmatched": {"ns/op": 14500, "p99-ns/op": 45000, "B/op": 4301, "allocs/op": 55},
		"Plan/pods=10000/views":   {"ns/op": 98.5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

const benchmarkText = "BenchmarkHandle/sets=1/unmatched-2 81214 14500 ns/op\n"

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		parse(benchmarkText)
	}
}

// This package's own benchmark is compiled and run like those of the product.
func TestBenchmarksAreCompiledAndRun(t *testing.T) {
	tests, err := Compile(t.Context(), "github.com/windlass-operator/windlass/bench/internal/gobench", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	figures, err := tests.Run(t.Context(), "^BenchmarkParse$", time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Parse"}, slices.Collect(maps.Keys(figures))); diff != "" {
		t.Errorf("benchmarks (-want +got):\n%s", diff)
	}
	if figures["Parse"]["ns/op"] <= 0 {
		t.Errorf("figures %v have no time", figures["Parse"])
	}
	if _, err := tests.Run(t.Context(), "^BenchmarkNone$", time.Millisecond); err == nil || !strings.HasSuffix(err.Error(), "has no benchmark ^BenchmarkNone$") {
		t.Errorf("error %v of a benchmark that is not there", err)
	}
	if _, err := Compile(t.Context(), "./none", t.TempDir()); err == nil {
		t.Error("a package that is not there was compiled")
	}
}
