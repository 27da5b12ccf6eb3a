// SPDX-License-Identifier: Apache-2.0

package report

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/machine"
)

func pointer[T any](v T) *T { return &v }

func result(rate float64) *bench.Result {
	return &bench.Result{
		Commit: "abc", Kubernetes: "v1", Scale: 1, Rounds: 3,
		Machine: machine.Machine{Cores: 2, CPU: "x", Kernel: "6", Go: "go1"},
		Rows: []bench.RowResult{{
			ID: "1", What: "create",
			Lines: []bench.LineResult{
				{
					Name: "1 rate", Unit: "Pods/s", Ours: bench.SpreadOf([]float64{rate, 2 * rate, 3 * rate}),
					Reference: bench.SpreadOf([]float64{100, 100, 100}), Ratio: bench.SpreadOf([]float64{rate / 100, rate / 50, 3 * rate / 100}),
					Target: bench.Target{Of: bench.Ratio, Op: ">=", Limit: 0.8}, Met: pointer(rate >= 40),
				},
				{
					Name: "1 added", Unit: "ms", Ours: bench.SpreadOf([]float64{5}), Reference: bench.SpreadOf([]float64{2}),
					Compared: bench.SpreadOf([]float64{3}), Target: bench.Target{Of: bench.Difference, Op: "<=", Limit: 2}, Met: pointer(false),
				},
				{Name: "1 nobody knows"},
			},
			Trials: []bench.TrialResult{
				{Side: bench.Ours, Seconds: 2, ForeignPercent: pointer(4.0), CPUSeconds: map[string]float64{"operator": 1, "webhook": 0.01, "etcd": 3}},
				{Side: bench.Ours, Seconds: 4, ForeignPercent: pointer(10.0), CPUSeconds: map[string]float64{"operator": 2}},
				{Side: bench.Reference, Values: map[string]float64{"1 rate": 1}},
			},
		}, {ID: "2", Error: "no Pods"}},
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	Table(&out, result(30))
	want := `abc, Kubernetes v1, 2 cores (x), Linux 6, go1; scale 1, rounds 3. Values are medians (minimum to maximum).

| figure         | unit   | ours              | reference        | ratio                  | target          | met      | foreign load   |
| -------------- | ------ | ----------------- | ---------------- | ---------------------- | --------------- | -------- | -------------- |
| 1 rate         | Pods/s | 60.0 (30.0 to 90.0) | 100 (100 to 100) | 0.600 (0.300 to 0.900) | ratio >= 0.800  | NO       | 7 % (max 10 %) |
| 1 added        | ms     | 5.00              | 2.00             | -                      | difference <= 2.00 | NO: 3.00 | 7 % (max 10 %) |
| 1 nobody knows |        | -                 | -                | -                      | -               | -        | 7 % (max 10 %) |

| CPU seconds of row | side | seconds | of the machine's cores   |
| ------------------ | ---- | ------- | ------------------------ |
| 1 create           | ours | 3.00    | etcd 1.50, operator 1.50 |

Row 2 could not be measured to its end: no Pods
`
	if diff := cmp.Diff(squeezed(want), squeezed(out.String())); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	// Every line of a table is as wide as the others.
	widths := map[int]bool{}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "foreign load") || strings.Contains(line, "1 rate") || strings.Contains(line, "1 added") {
			widths[len(line)] = true
		}
	}
	if len(widths) != 1 {
		t.Errorf("lines are of widths %v:\n%s", widths, out.String())
	}
}

func TestTableOfASmallRunSaysSo(t *testing.T) {
	small, full := result(30), result(30)
	small.Scale = 0.1
	const want = "Names tell the numbers of Pods, sets and nodes at scale 1; on the cluster there were 0.1 times as many.\n"
	var out, other strings.Builder
	Table(&out, small)
	Table(&other, full)
	if !strings.Contains(out.String(), want) {
		t.Errorf("the head lacks %q:\n%s", want, out.String())
	}
	if strings.Contains(other.String(), "Names tell") {
		t.Errorf("the table of a full run speaks of a smaller one:\n%s", other.String())
	}
}

// rule is what divides the head of a table from its rows.
var rule = regexp.MustCompile("--+")

// squeezed is a text without the padding of its tables.
func squeezed(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Fields(rule.ReplaceAllString(line, "")), " "))
	}
	return strings.Join(out, "\n")
}

func TestNumber(t *testing.T) {
	got := map[float64]string{}
	for _, v := range []float64{0, 0.00012, 0.0123, 0.5, 1, 12.345, 123.4, 12345.6, -2.5} {
		got[v] = number(v)
	}
	want := map[float64]string{
		0: "0", 0.00012: "0.0001", 0.0123: "0.0123", 0.5: "0.500", 1: "1.00", 12.345: "12.3", 123.4: "123", 12345.6: "12346", -2.5: "-2.50",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}

func TestResultsAreKeptAndCompared(t *testing.T) {
	file := filepath.Join(t.TempDir(), "result.json")
	if err := Write(file, result(30)); err != nil {
		t.Fatal(err)
	}
	before, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(result(30), before); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	after := result(60)
	after.Rows[0].Lines[2].Name = "1 new"
	var out strings.Builder
	Compare(&out, before, after)
	want := `Before: abc, scale 1, rounds 3. After: abc, scale 1, rounds 3.

| figure | unit | ours before | ours after | after/before | ratio before | ratio after | met before | met after |
| | | | | | | | | |
| 1 rate | Pods/s | 60.0 (30.0 to 90.0) | 120 (60.0 to 180) | 2.00 | 0.600 (0.300 to 0.900) | 1.20 (0.600 to 1.80) | NO | yes |
| 1 added | ms | 5.00 | 5.00 | 1.00 | - | - | NO: 3.00 | NO: 3.00 |
| 1 new | | - | - | - | - | - | - | - |
`
	if diff := cmp.Diff(squeezed(want), squeezed(out.String())); diff != "" {
		t.Errorf("comparison (-want +got):\n%s", diff)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}
