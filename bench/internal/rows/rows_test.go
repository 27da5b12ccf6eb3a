// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is recorded is found by the line's name, and a row is chosen by its number, so both must be what they seem.
func TestNamesOfRowsAndLines(t *testing.T) {
	ids, lines := map[string]bool{}, map[string]bool{}
	for _, row := range All() {
		if ids[row.ID] {
			t.Errorf("two rows have the number %s", row.ID)
		}
		ids[row.ID] = true
		if row.What == "" || row.Prepare == nil || len(row.Lines) == 0 {
			t.Errorf("row %s has no words, no lines or nothing to measure", row.ID)
		}
		for _, line := range row.Lines {
			if lines[line.Name] {
				t.Errorf("two lines have the name %q", line.Name)
			}
			lines[line.Name] = true
			if !strings.HasPrefix(line.Name, row.ID+" ") {
				t.Errorf("line %q does not begin with the number of its row, %s", line.Name, row.ID)
			}
			if line.Unit == "" || line.Better == "" {
				t.Errorf("line %q has no unit, or does not say what is better", line.Name)
			}
		}
	}
}

func TestSmallRunsGrowLess(t *testing.T) {
	got := map[float64][]int{1: sizesOf(1), 0.5: sizesOf(0.5), 0.1: sizesOf(0.1)}
	want := map[float64][]int{1: growthSizes, 0.5: growthSizes, 0.1: {250, 500, 1000}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sizes by scale (-want +got):\n%s", diff)
	}
}
