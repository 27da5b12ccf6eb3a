// SPDX-License-Identifier: Apache-2.0

// Package bench is the frame of the benchmark: rows that compare us with a reference, the rounds in which they are
// measured, and what comes out of them. The README of the module tells how to add a row.
package bench

import "context"

// Row is one row of the table of targets: something that we do, beside something that does the like in the same run.
type Row struct {
	// ID is what -rows chooses it by: "1".
	ID string
	// What is measured, and the Reference that it is measured against, in a few words. Reference is empty where there
	// is none.
	What, Reference string
	// Lines are the figures of the row; each becomes a line of the table.
	Lines []Line
	// Prepare makes what all rounds share. What it takes is not measured.
	Prepare func(ctx context.Context, env *Env) (*Run, error)
}

// Run is a row that is prepared.
type Run struct {
	// Ours and Reference are measured once in each round, one after the other; which of them comes first alternates by
	// round. Reference may be nil. Each records a value for the lines that it can speak for.
	Ours, Reference func(ctx context.Context, trial *Trial) error
	// Close takes away what Prepare made; nil when that is nothing.
	Close func(ctx context.Context) error
}

// Better says which of two values is the better one.
type Better string

const (
	// Higher is for rates.
	Higher Better = "higher"
	// Lower is for times, bytes and counts.
	Lower Better = "lower"
)

// Line is one figure of a row.
type Line struct {
	// Name is unique among all rows and begins with the number of its row: "3 until all are ready". Numbers in it are
	// those of scale 1; the head of the table says so.
	Name string
	// Unit of its values: "Pods/s", "ms".
	Unit   string
	Better Better
	// Target is what should be reached; the zero Target asks for nothing.
	Target Target
	// FullSize is for a target that speaks of scale 1 alone. A smaller run does not say whether it is met.
	FullSize bool
}

// Of says what of a line a target speaks of.
type Of string

const (
	// Ratio is ours divided by the reference of the same round.
	Ratio Of = "ratio"
	// Difference is ours less the reference of the same round.
	Difference Of = "difference"
	// Value is ours alone.
	Value Of = "value"
)

// Target is a limit. It is printed whether it is met, and never asserted.
type Target struct {
	Of Of `json:"of,omitempty"`
	// Op is one of ">=", ">", "<=", "<", "=".
	Op    string  `json:"op,omitempty"`
	Limit float64 `json:"limit,omitempty"`
}

// Met reports whether a value is within the target.
func (t Target) Met(value float64) bool {
	switch t.Op {
	case ">=":
		return value >= t.Limit
	case ">":
		return value > t.Limit
	case "<=":
		return value <= t.Limit
	case "<":
		return value < t.Limit
	case "=":
		return value == t.Limit
	}
	return true
}

// Exists reports whether the target asks for anything.
func (t Target) Exists() bool { return t.Op != "" }
