// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// closeTimeout is how long a row may take to go away, also after an interrupt.
const closeTimeout = 5 * time.Minute

// Close calls what takes something away. It has its time for that, also when the context has ended.
func Close(ctx context.Context, take func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return take(ctx)
}

// Runner measures rows.
type Runner struct {
	Env    *Env
	Rounds int
	// Log is told what goes on.
	Log io.Writer
}

// Row measures one row in all rounds. An error is part of the result, together with what had been measured before it.
func (r *Runner) Row(ctx context.Context, row Row) RowResult {
	result := RowResult{ID: row.ID, What: row.What, Reference: row.Reference}
	fmt.Fprintf(r.Log, "row %s: %s\n", row.ID, row.What)
	if err := r.measure(ctx, row, &result); err != nil {
		result.Error = err.Error()
		fmt.Fprintf(r.Log, "row %s: %v\n", row.ID, err)
	}
	for _, line := range row.Lines {
		// A line that was left out on purpose, since the run is a small one, is no line of its table.
		if summary := summarize(line, result.Trials, r.Env.Scale); result.Error != "" || !summary.Ours.Empty() {
			result.Lines = append(result.Lines, summary)
		}
	}
	return result
}

func (r *Runner) measure(ctx context.Context, row Row, result *RowResult) (err error) {
	began := time.Now()
	run, err := row.Prepare(ctx, r.Env)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	fmt.Fprintf(r.Log, "  prepared in %.0f s\n", time.Since(began).Seconds())
	defer func() {
		if run.Close == nil {
			return
		}
		err = errors.Join(err, Close(ctx, run.Close))
	}()
	for round := range r.Rounds {
		for _, side := range order(round) {
			if side == Reference && run.Reference == nil {
				continue
			}
			if err := r.trial(ctx, row, run, round, side, result); err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, side, err)
			}
		}
	}
	return nil
}

// order alternates, so that neither side always finds the machine as the other one left it.
func order(round int) []Side {
	if round%2 == 0 {
		return []Side{Ours, Reference}
	}
	return []Side{Reference, Ours}
}

func (r *Runner) trial(ctx context.Context, row Row, run *Run, round int, side Side, result *RowResult) error {
	trial := newTrial(r.Env, row.ID, round, side)
	measure := run.Ours
	if side == Reference {
		measure = run.Reference
	}
	began := time.Now()
	if err := measure(ctx, trial); err != nil {
		return err
	}
	result.Trials = append(result.Trials, trial.results()...)
	fmt.Fprintf(r.Log, "  round %d, %-9s %s; %.0f s with all around it\n", round+1, side, describe(trial.result), time.Since(began).Seconds())
	return nil
}

func describe(t TrialResult) string {
	parts := []string{fmt.Sprintf("%.1f s", t.Seconds)}
	if t.ForeignPercent != nil {
		parts = append(parts, fmt.Sprintf("foreign load %.0f %%", *t.ForeignPercent))
	}
	for _, values := range []map[string]float64{t.Values, t.Extra} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			parts = append(parts, fmt.Sprintf("%s: %.4g", name, values[name]))
		}
	}
	var cpu []string
	for _, name := range slices.Sorted(maps.Keys(t.CPUSeconds)) {
		if seconds := t.CPUSeconds[name]; seconds >= 0.05 {
			cpu = append(cpu, fmt.Sprintf("%s %.1f", name, seconds))
		}
	}
	return strings.Join(append(parts, "CPU s: "+strings.Join(cpu, ", ")), "; ")
}

// Choose returns the rows that a list of IDs names, such as "1,3"; all of them for an empty list.
func Choose(rows []Row, list string) ([]Row, error) {
	if strings.TrimSpace(list) == "" {
		return rows, nil
	}
	var chosen []Row
	for id := range strings.SplitSeq(list, ",") {
		at := slices.IndexFunc(rows, func(r Row) bool { return r.ID == strings.TrimSpace(id) })
		if at < 0 {
			return nil, fmt.Errorf("-rows: there is no row %q; there are %s", id, ids(rows))
		}
		chosen = append(chosen, rows[at])
	}
	return chosen, nil
}

func ids(rows []Row) string {
	var out []string
	for _, row := range rows {
		out = append(out, row.ID)
	}
	return strings.Join(out, ", ")
}
