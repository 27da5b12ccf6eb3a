// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"math"
	"slices"
	"time"

	"github.com/windlass-operator/windlass/bench/internal/machine"
)

// Result is a whole run, as its JSON file has it.
type Result struct {
	Began   time.Time       `json:"began"`
	Machine machine.Machine `json:"machine"`
	// Commit is that of the checkout, with "-dirty" when it has changes.
	Commit string `json:"commit"`
	// Kubernetes is the API server's version.
	Kubernetes string  `json:"kubernetes"`
	Scale      float64 `json:"scale"`
	Rounds     int     `json:"rounds"`
	// Values are the chart's values that the run was made with, besides the defaults.
	Values map[string]any `json:"values,omitempty"`
	Rows   []RowResult    `json:"rows"`
}

// RowResult is what became of one row.
type RowResult struct {
	ID        string `json:"id"`
	What      string `json:"what"`
	Reference string `json:"reference,omitempty"`
	// Error is why it could not be measured to its end.
	Error string       `json:"error,omitempty"`
	Lines []LineResult `json:"lines"`
	// Trials are in the order in which they were measured.
	Trials []TrialResult `json:"trials"`
}

// LineResult is one figure.
type LineResult struct {
	Name   string `json:"name"`
	Unit   string `json:"unit"`
	Better Better `json:"better"`
	Target Target `json:"target,omitzero"`
	// Ours and Reference are the values by round, and Compared, by round too, what the target speaks of.
	Ours      Spread `json:"ours"`
	Reference Spread `json:"reference,omitzero"`
	Ratio     Spread `json:"ratio,omitzero"`
	Compared  Spread `json:"compared,omitzero"`
	// Met is nil where there is no target, or nothing to hold against it, or where the run was too small for it. The median
	// is what counts.
	Met *bool `json:"met,omitempty"`
}

// TrialResult is one measurement of one side.
type TrialResult struct {
	Round int  `json:"round"`
	Side  Side `json:"side"`
	// Seconds that were measured, and what the machine did in them.
	Seconds float64 `json:"seconds"`
	// ForeignPercent is the share of the machine that was used by neither the cluster nor the benchmark; nil where that
	// is not known.
	ForeignPercent *float64 `json:"foreignPercent,omitempty"`
	// CPUSeconds are those of the programs of the cluster and of the benchmark itself.
	CPUSeconds map[string]float64 `json:"cpuSeconds,omitempty"`
	// Values are those of the lines, Extra what else may be of interest.
	Values map[string]float64 `json:"values,omitempty"`
	Extra  map[string]float64 `json:"extra,omitempty"`
}

// Spread is some values and what they have in common.
type Spread struct {
	Values []float64 `json:"values,omitempty"`
	Min    float64   `json:"min"`
	Median float64   `json:"median"`
	Max    float64   `json:"max"`
}

// SpreadOf looks at values; those that are no numbers are left out.
func SpreadOf(values []float64) Spread {
	kept := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(kept) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(kept))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Spread{Values: kept, Min: sorted[0], Median: median, Max: sorted[len(sorted)-1]}
}

// Empty reports whether there was no value.
func (s Spread) Empty() bool { return len(s.Values) == 0 }

// summarize makes a line of what the trials recorded. Ours and the reference are compared within their round alone,
// since the machine may be another one in the next.
func summarize(line Line, trials []TrialResult, scale float64) LineResult {
	ours, reference := map[int]float64{}, map[int]float64{}
	var rounds []int
	for _, trial := range trials {
		value, ok := trial.Values[line.Name]
		if !ok {
			continue
		}
		if !slices.Contains(rounds, trial.Round) {
			rounds = append(rounds, trial.Round)
		}
		if trial.Side == Ours {
			ours[trial.Round] = value
		} else {
			reference[trial.Round] = value
		}
	}
	slices.Sort(rounds)
	result := LineResult{Name: line.Name, Unit: line.Unit, Better: line.Better, Target: line.Target}
	result.Ours, result.Reference = byRound(rounds, ours), byRound(rounds, reference)
	result.Ratio = pairs(rounds, ours, reference, func(o, r float64) float64 { return o / r })
	switch line.Target.Of {
	case Ratio:
		result.Compared = result.Ratio
	case Difference:
		result.Compared = pairs(rounds, ours, reference, func(o, r float64) float64 { return o - r })
	case Value:
		result.Compared = result.Ours
	}
	if line.Target.Exists() && !result.Compared.Empty() && (scale >= 1 || !line.FullSize) {
		met := line.Target.Met(result.Compared.Median)
		result.Met = &met
	}
	return result
}

func byRound(rounds []int, values map[int]float64) Spread {
	var out []float64
	for _, round := range rounds {
		if value, ok := values[round]; ok {
			out = append(out, value)
		}
	}
	return SpreadOf(out)
}

func pairs(rounds []int, ours, reference map[int]float64, compare func(ours, reference float64) float64) Spread {
	var out []float64
	for _, round := range rounds {
		o, ok := ours[round]
		r, also := reference[round]
		if ok && also {
			out = append(out, compare(o, r))
		}
	}
	return SpreadOf(out)
}
