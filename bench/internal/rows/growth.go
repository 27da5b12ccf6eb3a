// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/windlass-operator/windlass/bench/internal/bench"
)

// growthSizes are the numbers of Pods of row 10; the first is what the others are held against.
var growthSizes = []int{250, 500, 1000, 2000, 4000}

// smallGrowth is up to how many Pods row 10 goes in a run at less than half of the size, which is to take minutes.
const smallGrowth = 1000

// sizesOf are the numbers of Pods, before they are scaled.
func sizesOf(scale float64) []int {
	if scale >= 0.5 {
		return growthSizes
	}
	return slices.DeleteFunc(slices.Clone(growthSizes), func(size int) bool { return size > smallGrowth })
}

// growthPerDeployment is how many Pods each Deployment has there.
const growthPerDeployment = 50

// What row 10 does with so many Pods; the numbers are those of the rows that do it.
var growthKinds = []string{"1 create", "3 in place", "5 sidecars"}

func growthLine(kind string, pods int) string {
	return fmt.Sprintf("10 as row %s, %d Pods", kind, pods)
}

func growth() bench.Row {
	var lines []bench.Line
	for _, kind := range growthKinds {
		for _, pods := range growthSizes[1:] {
			lines = append(lines, bench.Line{
				Name: growthLine(kind, pods), Unit: "ms/Pod", Better: bench.Lower, Target: bench.Target{Of: bench.Ratio, Op: "<=", Limit: 1.3},
			})
		}
	}
	return bench.Row{
		ID: "10", What: "growth: rows 1, 3 and 5 with more Pods", Reference: "the same with 250 Pods", Lines: lines,
		Prepare: func(context.Context, *bench.Env) (*bench.Run, error) {
			return &bench.Run{Ours: measureGrowth}, nil
		},
	}
}

func measureGrowth(ctx context.Context, t *bench.Trial) error {
	first := map[string]float64{}
	for i, size := range sizesOf(t.Scale) {
		got, err := measureSize(ctx, t, t.N(size))
		if err != nil {
			return fmt.Errorf("%d Pods: %w", t.N(size), err)
		}
		for _, kind := range growthKinds {
			if i == 0 {
				first[kind] = got[kind]
				continue
			}
			t.Record(growthLine(kind, size), got[kind])
			t.RecordReference(growthLine(kind, size), first[kind])
		}
	}
	return nil
}

// measureSize returns the milliseconds for each Pod by kind.
func measureSize(ctx context.Context, t *bench.Trial, pods int) (map[string]float64, error) {
	out := map[string]float64{}
	if err := measureSet(ctx, t, pods, out); err != nil {
		return nil, err
	}
	s, err := newSidecars(ctx, t.Env, pods, max(1, pods/growthPerDeployment), true)
	if err != nil {
		return nil, err
	}
	changed, err := s.rollOut(ctx, t)
	out[growthKinds[2]] = 1000 / changed.rate
	return out, errors.Join(err, s.remove(ctx, t.Env))
}

func measureSet(ctx context.Context, t *bench.Trial, pods int, out map[string]float64) (err error) {
	namespace, err := t.World.Namespace(ctx, "growth")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.World.Remove(ctx, namespace)) }()
	took, err := createIn(ctx, t, namespace, pods, makeGatedSet)
	if err != nil {
		return err
	}
	out[growthKinds[0]] = took.Seconds() * 1000 / float64(pods)
	changed, err := adopt(namespace, pods).rollOut(ctx, t)
	out[growthKinds[1]] = 1000 / changed.rate
	return err
}
