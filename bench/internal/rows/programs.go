// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/gobench"
)

// product is the path of the module that is measured.
const product = "github.com/windlass-operator/windlass"

// alone is a row that is measured by Go benchmarks of the product, without a cluster.
type alone struct {
	// path is that of the package, pattern names its benchmarks.
	path, pattern string
	lines         []aloneLine
}

// aloneLine is one figure of one benchmark, in a larger unit, and the benchmark that it is held against.
type aloneLine struct {
	line              bench.Line
	of, against, unit string
	divisor           float64
}

const nanosecondsInMicrosecond, nanosecondsInMillisecond = 1e3, 1e6

// handlerAlone takes the handler of Pods with more and more SidecarSets, in microseconds.
func handlerAlone() bench.Row {
	a := alone{path: product + "/webhook/pod", pattern: "^BenchmarkHandle$/^sets=/^(unmatched|injected)$"}
	for _, kind := range []string{"unmatched", "injected"} {
		for _, sets := range []int{1, 1_000, 50_000} {
			of := fmt.Sprintf("Handle/sets=%d/%s", sets, kind)
			a.lines = append(a.lines, aloneLine{
				of: of, unit: "p99-ns/op", divisor: nanosecondsInMicrosecond,
				line: bench.Line{
					Name: fmt.Sprintf("7 p99 of an %s Pod, SidecarSets: %d", kind, sets), Unit: "µs", Better: bench.Lower,
					Target: bench.Target{Of: bench.Value, Op: "<=", Limit: 1000},
				},
			})
			if sets == 1 {
				continue
			}
			mean := aloneLine{
				of: of, against: "Handle/sets=1/" + kind, unit: "ns/op", divisor: nanosecondsInMicrosecond,
				line: bench.Line{Name: fmt.Sprintf("7 mean of an %s Pod, SidecarSets: %d", kind, sets), Unit: "µs", Better: bench.Lower},
			}
			if kind == "unmatched" {
				mean.line.Target = bench.Target{Of: bench.Ratio, Op: "<=", Limit: 2}
			}
			a.lines = append(a.lines, mean)
		}
	}
	return a.row("7", "the admission handler alone, 1,000 SchedPatches", "1 SidecarSet")
}

// linearithmic is how much longer 10,000 Pods may take than 1,000 where the time grows as n log n.
const linearithmic = 13.3

// planOfStatefulSet and planOfSidecarSet take the planners with 10,000 Pods, beside 1,000, in milliseconds.
func planOfStatefulSet() bench.Row {
	return planRow("12a", "statefulset", "steady", "rollout", "create")
}

func planOfSidecarSet() bench.Row { return planRow("12b", "sidecarset", "plan") }

func planRow(id, controller string, kinds ...string) bench.Row {
	a := alone{path: product + "/operator/" + controller, pattern: "^BenchmarkPlan$/^pods="}
	for _, kind := range kinds {
		many, few := fmt.Sprintf("Plan/pods=10000/%s", kind), fmt.Sprintf("Plan/pods=1000/%s", kind)
		a.lines = append(a.lines, aloneLine{
			of: many, unit: "ns/op", divisor: nanosecondsInMillisecond,
			line: bench.Line{
				Name: fmt.Sprintf("%s %s, %s", id, controller, kind), Unit: "ms", Better: bench.Lower,
				Target: bench.Target{Of: bench.Value, Op: "<=", Limit: 20},
			},
		}, aloneLine{
			of: many, against: few, unit: "ns/op", divisor: nanosecondsInMillisecond,
			line: bench.Line{
				Name: fmt.Sprintf("%s %s, %s, beside 1,000 Pods", id, controller, kind), Unit: "ms", Better: bench.Lower,
				Target: bench.Target{Of: bench.Ratio, Op: "<=", Limit: linearithmic},
			},
		})
	}
	return a.row(id, "the planner alone, 10,000 Pods", "1,000 Pods")
}

func (a alone) row(id, what, reference string) bench.Row {
	row := bench.Row{ID: id, What: what, Reference: reference}
	for _, line := range a.lines {
		row.Lines = append(row.Lines, line.line)
	}
	row.Prepare = func(ctx context.Context, _ *bench.Env) (*bench.Run, error) {
		directory, err := os.MkdirTemp("", "windlass-bench-")
		if err != nil {
			return nil, fmt.Errorf("make a directory for test programs: %w", err)
		}
		remove := func(context.Context) error { return os.RemoveAll(directory) }
		tests, err := gobench.Compile(ctx, a.path, directory)
		if err != nil {
			return nil, errors.Join(err, remove(ctx))
		}
		return &bench.Run{Ours: func(ctx context.Context, t *bench.Trial) error { return a.measure(ctx, t, tests) }, Close: remove}, nil
	}
	return row
}

// measure runs each benchmark for a second, or a fifth of one in a small run.
func (a alone) measure(ctx context.Context, t *bench.Trial, tests *gobench.Tests) error {
	each := max(time.Duration(t.Scale*float64(time.Second)), time.Second/5)
	var figures map[string]gobench.Figures
	_, err := t.Measure(ctx, func(ctx context.Context) (err error) {
		figures, err = tests.Run(ctx, a.pattern, each)
		return err
	})
	if err != nil {
		return err
	}
	for _, line := range a.lines {
		for name, record := range map[string]func(string, float64){line.of: t.Record, line.against: t.RecordReference} {
			if name == "" {
				continue
			}
			value, found := figures[name][line.unit]
			if !found {
				return fmt.Errorf("benchmark %s of %s said nothing of %s", name, a.path, line.unit)
			}
			record(line.line.Name, value/line.divisor)
		}
	}
	return nil
}
