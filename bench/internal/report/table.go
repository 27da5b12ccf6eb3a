// SPDX-License-Identifier: Apache-2.0

// Package report shows results: as a table for people, as JSON for programs, and two of them side by side.
package report

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/windlass-operator/windlass/bench/internal/bench"
)

// Table writes a result as text that is Markdown too.
func Table(out io.Writer, result *bench.Result) {
	fmt.Fprintf(out, "%s, Kubernetes %s, %d cores (%s), Linux %s, %s; scale %g, rounds %d. Values are medians",
		result.Commit, result.Kubernetes, result.Machine.Cores, result.Machine.CPU, result.Machine.Kernel, result.Machine.Go,
		result.Scale, result.Rounds)
	if result.Rounds > 1 {
		fmt.Fprint(out, " (minimum to maximum)")
	}
	fmt.Fprintln(out, ".")
	if result.Scale != 1 {
		fmt.Fprintf(out, "Names tell the numbers of Pods, sets and nodes at scale 1; on the cluster there were %g times as many.\n", result.Scale)
	}
	fmt.Fprintln(out)
	rows := [][]string{{"figure", "unit", "ours", "reference", "ratio", "target", "met", "foreign load"}}
	for i := range result.Rows {
		rows = append(rows, lines(&result.Rows[i])...)
	}
	write(out, rows)
	fmt.Fprintln(out)
	cpu(out, result)
	for i := range result.Rows {
		if row := &result.Rows[i]; row.Error != "" {
			fmt.Fprintf(out, "Row %s could not be measured to its end: %s\n", row.ID, row.Error)
		}
	}
}

func lines(row *bench.RowResult) [][]string {
	var out [][]string
	for i := range row.Lines {
		line := &row.Lines[i]
		out = append(out, []string{
			line.Name, line.Unit, spread(line.Ours), spread(line.Reference), spread(line.Ratio), target(line.Target), met(line), foreign(row),
		})
	}
	return out
}

// cpu tells where the time of each row went.
func cpu(out io.Writer, result *bench.Result) {
	rows := [][]string{{"CPU seconds of row", "side", "seconds", "of the machine's cores"}}
	for i := range result.Rows {
		row := &result.Rows[i]
		for _, side := range []bench.Side{bench.Ours, bench.Reference} {
			if seconds, used := cpuOf(row, side); seconds > 0 {
				rows = append(rows, []string{row.ID + " " + row.What, string(side), number(seconds), programs(used)})
			}
		}
	}
	if len(rows) > 1 {
		write(out, rows)
		fmt.Fprintln(out)
	}
}

// cpuOf is the mean of the trials of one side.
func cpuOf(row *bench.RowResult, side bench.Side) (seconds float64, used map[string]float64) {
	used = map[string]float64{}
	trials := 0.0
	for i := range row.Trials {
		trial := &row.Trials[i]
		if trial.Side != side || trial.Seconds == 0 {
			continue
		}
		trials++
		seconds += trial.Seconds
		for name, cpu := range trial.CPUSeconds {
			used[name] += cpu
		}
	}
	for name := range used {
		used[name] /= trials
	}
	return seconds / max(trials, 1), used
}

func programs(used map[string]float64) string {
	names := slices.SortedFunc(maps.Keys(used), func(a, b string) int {
		switch {
		case used[a] > used[b]:
			return -1
		case used[a] < used[b]:
			return 1
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, name := range names {
		if used[name] >= 0.05 {
			parts = append(parts, name+" "+number(used[name]))
		}
	}
	return strings.Join(parts, ", ")
}

func spread(s bench.Spread) string {
	switch {
	case s.Empty():
		return "-"
	case len(s.Values) == 1:
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.Median), number(s.Min), number(s.Max))
}

// number has three digits that count, and no exponent.
func number(v float64) string {
	if v == 0 || math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return strconv.FormatFloat(v, 'f', min(digits, 4), 64)
}

func target(t bench.Target) string {
	if !t.Exists() {
		return "-"
	}
	return fmt.Sprintf("%s %s %s", t.Of, t.Op, number(t.Limit))
}

func met(line *bench.LineResult) string {
	switch {
	case line.Met == nil:
		return "-"
	case *line.Met:
		return "yes"
	}
	if line.Target.Of == bench.Difference {
		return "NO: " + number(line.Compared.Median)
	}
	return "NO"
}

// foreign is the median, and the maximum, of what others used of the machine.
func foreign(row *bench.RowResult) string {
	var values []float64
	for i := range row.Trials {
		if percent := row.Trials[i].ForeignPercent; percent != nil {
			values = append(values, *percent)
		}
	}
	if len(values) == 0 {
		return "-"
	}
	s := bench.SpreadOf(values)
	return fmt.Sprintf("%.0f %% (max %.0f %%)", s.Median, s.Max)
}

// write aligns a table, whose first row is its head.
func write(out io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, row := range rows {
		writeRow(out, row, widths, " ")
		if i == 0 {
			rule := make([]string, len(row))
			for j := range rule {
				rule[j] = strings.Repeat("-", widths[j])
			}
			writeRow(out, rule, widths, " ")
		}
	}
}

func writeRow(out io.Writer, row []string, widths []int, pad string) {
	for i, cell := range row {
		fmt.Fprintf(out, "| %s%s ", cell, strings.Repeat(pad, widths[i]-utf8.RuneCountInString(cell)))
	}
	fmt.Fprintln(out, "|")
}
