// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/windlass-operator/windlass/bench/internal/machine"
)

// Side is who is measured.
type Side string

const (
	// Ours is this project.
	Ours Side = "ours"
	// Reference is what it is held against.
	Reference Side = "reference"
)

// Trial is one measurement of one side in one round.
type Trial struct {
	*Env
	// Round counts from 0.
	Round int
	Side  Side

	row       string
	profiles  int
	result    TrialResult
	reference map[string]float64
}

// Record keeps the value of a line for the side that is measured.
func (t *Trial) Record(line string, value float64) { t.result.Values[line] = value }

// RecordReference keeps, while ours is measured, what the value of a line is held against: for rows whose reference is
// another of their own figures.
func (t *Trial) RecordReference(line string, value float64) { t.reference[line] = value }

// Extra keeps something that is no line of the table, for the JSON file and for whoever watches.
func (t *Trial) Extra(name string, value float64) { t.result.Extra[name] = value }

// Measure waits until the cluster rests, runs what is to be measured and returns how long that took. CPU time, foreign
// load and profiles are those of these calls alone, so that what a trial prepares and takes away does not count.
func (t *Trial) Measure(ctx context.Context, run func(ctx context.Context) error) (time.Duration, error) {
	if err := t.Settle(ctx); err != nil {
		return 0, err
	}
	stop := t.profile(ctx, t.nextProfile())
	defer stop()
	before, err := t.Sampler.Sample()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := run(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	after, err := t.Sampler.Sample()
	if err != nil {
		return 0, err
	}
	t.add(machine.Between(before, after), took)
	return took, nil
}

// nextProfile names the profiles of one call of Measure. A trial may call it several times, and each has its own.
func (t *Trial) nextProfile() string {
	t.profiles++
	return fmt.Sprintf("row%s-%s-%d-%d", t.row, t.Side, t.Round, t.profiles-1)
}

// add sums up what several calls of Measure saw.
func (t *Trial) add(load machine.Load, took time.Duration) {
	if load.ForeignKnown {
		total := load.ForeignPercent * took.Seconds()
		if t.result.ForeignPercent != nil {
			total += *t.result.ForeignPercent * t.result.Seconds
		}
		mean := total / (t.result.Seconds + took.Seconds())
		t.result.ForeignPercent = &mean
	}
	t.result.Seconds += took.Seconds()
	for name, seconds := range load.CPUSeconds {
		t.result.CPUSeconds[name] += seconds
	}
}

func newTrial(env *Env, row string, round int, side Side) *Trial {
	return &Trial{
		Env: env, Round: round, Side: side, row: row, reference: map[string]float64{},
		result: TrialResult{
			Round: round, Side: side,
			Values: map[string]float64{}, Extra: map[string]float64{}, CPUSeconds: map[string]float64{},
		},
	}
}

// results are what the trial recorded: one for its side, and one for a reference that it brought along.
func (t *Trial) results() []TrialResult {
	out := []TrialResult{t.result}
	if len(t.reference) > 0 {
		out = append(out, TrialResult{Round: t.Round, Side: Reference, Values: maps.Clone(t.reference)})
	}
	return out
}
