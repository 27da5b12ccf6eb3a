// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"slices"

	"github.com/windlass-operator/windlass/bench/internal/bench"
)

const (
	// crowdSets of 100 Pods each, and crowdNodes, are what the operator holds in rows 8 and 9.
	crowdSets, crowdNodes = 100, 1000

	operatorMemory = "8 operator's memory, 10,000 Pods"
	webhookMemory  = "8 webhook's memory, 10,000 Pods"
)

// memory compares the programs with themselves before there was anything.
func memory() bench.Row {
	return bench.Row{
		ID: "8", What: "hold 10,000 Pods of 100 StatefulSets, and 1,000 nodes", Reference: "the same processes before there were any",
		Lines: []bench.Line{
			{Name: operatorMemory, Unit: "MiB", Better: bench.Lower, FullSize: true, Target: bench.Target{Of: bench.Difference, Op: "<=", Limit: 60}},
			{Name: webhookMemory, Unit: "MiB", Better: bench.Lower},
		},
		Prepare: func(ctx context.Context, env *bench.Env) (*bench.Run, error) {
			// What earlier rows had them hold has left gaps.
			if err := startAnew(ctx, env, bench.Operator, bench.Webhook); err != nil {
				return nil, err
			}
			empty, err := greatest(ctx, env, "row8-empty")
			if err != nil {
				return nil, err
			}
			crowd, err := gather(ctx, env, env.N(crowdSets), env.N(crowdNodes))
			if err != nil {
				return nil, err
			}
			return &bench.Run{
				Ours:  func(ctx context.Context, t *bench.Trial) error { return holding(ctx, t, empty) },
				Close: func(ctx context.Context) error { return crowd.disperse(ctx, env) },
			}, nil
		},
	}
}

func holding(ctx context.Context, t *bench.Trial, empty map[string]float64) error {
	_, err := t.Measure(ctx, func(ctx context.Context) error {
		full, err := greatest(ctx, t.Env, "row8-full")
		for line, value := range full {
			t.Record(line, value)
			t.RecordReference(line, empty[line])
		}
		return err
	})
	return err
}

// greatest is the memory of that process of each program that takes the most, by line. Name is that of the heaps.
func greatest(ctx context.Context, env *bench.Env, name string) (map[string]float64, error) {
	out := map[string]float64{}
	for line, program := range map[string]string{operatorMemory: bench.Operator, webhookMemory: bench.Webhook} {
		each, err := env.CollectedRSS(ctx, name, program)
		if err != nil {
			return nil, err
		}
		out[line] = slices.Max(each)
	}
	return out, nil
}
