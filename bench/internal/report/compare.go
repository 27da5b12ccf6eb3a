// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/windlass-operator/windlass/bench/internal/bench"
)

// Write writes a result as JSON.
func Write(file string, result *bench.Result) error {
	content, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.WriteFile(file, append(content, '\n'), 0o644)
}

// Read reads what Write wrote.
func Read(file string) (*bench.Result, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a result: %w", err)
	}
	result := &bench.Result{}
	if err := json.Unmarshal(content, result); err != nil {
		return nil, fmt.Errorf("read the result %s: %w", file, err)
	}
	return result, nil
}

// Compare writes two results side by side. Figures of two runs differ with the machine; their ratios to the references
// of their own runs are what can be compared, where there are any.
func Compare(out io.Writer, before, after *bench.Result) {
	fmt.Fprintf(out, "Before: %s, scale %g, rounds %d. After: %s, scale %g, rounds %d.\n\n",
		before.Commit, before.Scale, before.Rounds, after.Commit, after.Scale, after.Rounds)
	old := map[string]*bench.LineResult{}
	for i := range before.Rows {
		for j := range before.Rows[i].Lines {
			old[before.Rows[i].Lines[j].Name] = &before.Rows[i].Lines[j]
		}
	}
	rows := [][]string{{"figure", "unit", "ours before", "ours after", "after/before", "ratio before", "ratio after", "met before", "met after"}}
	for i := range after.Rows {
		for j := range after.Rows[i].Lines {
			rows = append(rows, compared(old[after.Rows[i].Lines[j].Name], &after.Rows[i].Lines[j]))
		}
	}
	write(out, rows)
}

func compared(before, after *bench.LineResult) []string {
	if before == nil {
		return []string{after.Name, after.Unit, "-", spread(after.Ours), "-", "-", spread(after.Ratio), "-", met(after)}
	}
	change := "-"
	if !before.Ours.Empty() && !after.Ours.Empty() && before.Ours.Median != 0 {
		change = number(after.Ours.Median / before.Ours.Median)
	}
	return []string{
		after.Name, after.Unit, spread(before.Ours), spread(after.Ours), change, spread(before.Ratio), spread(after.Ratio), met(before), met(after),
	}
}
