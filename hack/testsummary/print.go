// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// printResults prints the table of the stages asked for and the list of what failed. It fails when a test did, and when
// a stage that was asked for left no result: a run that tested nothing is no success.
func printResults(opts options) error {
	results, err := loadResults(opts.results)
	if err != nil {
		return err
	}
	var wanted []string
	if opts.stages != "" {
		wanted = strings.Split(opts.stages, ",")
	}
	stages := sumStages(results, wanted)
	if len(stages) == 0 {
		return errors.New("there are no results to print")
	}
	total, err := writeSummary(os.Stdout, stages)
	if err != nil {
		return err
	}
	if total.Failed > 0 {
		return errFailed
	}
	return nil
}

// sumStages adds the parts of each stage up, in the order of stageOrder. With wanted given it keeps to those stages,
// and one of them that has no result is a failure.
func sumStages(results []Result, wanted []string) []Result {
	var sums []Result
	for _, stage := range stageOrder {
		if len(wanted) > 0 && !slices.Contains(wanted, stage) {
			continue
		}
		sum, ran := sumStage(results, stage)
		switch {
		case ran:
			sums = append(sums, sum)
		case len(wanted) > 0:
			sums = append(sums, Result{Stage: stage, Failed: 1, Failures: []string{"the stage did not run"}})
		}
	}
	return sums
}

func sumStage(results []Result, stage string) (sum Result, ran bool) {
	sum.Stage = stage
	for _, result := range results {
		if result.Stage != stage {
			continue
		}
		ran = true
		sum.Passed += result.Passed
		sum.Failed += result.Failed
		sum.Skipped += result.Skipped
		sum.Seconds += result.Seconds
		sum.Failures = append(sum.Failures, result.Failures...)
	}
	return sum, ran
}

// writeSummary writes the failures, the table and the closing line, and returns the total.
func writeSummary(out io.Writer, stages []Result) (Result, error) {
	total := Result{Stage: "total"}
	for _, stage := range stages {
		total.Passed += stage.Passed
		total.Failed += stage.Failed
		total.Skipped += stage.Skipped
		total.Seconds += stage.Seconds
		for _, failure := range stage.Failures {
			fmt.Fprintf(out, "FAILED %s: %s\n", stage.Stage, failure)
		}
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "stage\tpassed\tfailed\tskipped\tseconds\t")
	for _, row := range append(slices.Clone(stages), total) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%.1f\t\n", row.Stage, row.Passed, row.Failed, row.Skipped, row.Seconds)
	}
	if err := table.Flush(); err != nil {
		return total, err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", countsLine(total.Passed, total.Failed, total.Skipped))
	return total, err
}

func countsLine(passed, failed, skipped int) string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", passed, failed, skipped)
}
