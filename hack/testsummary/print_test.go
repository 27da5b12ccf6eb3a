// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSumStages(t *testing.T) {
	results := []Result{
		{Stage: "unit", Name: "root", Passed: 3, Seconds: 1},
		{Stage: "e2e", Name: "suites", Passed: 1, Failed: 1, Failures: []string{"p TestX"}},
		{Stage: "unit", Name: "e2e", Passed: 4, Skipped: 1, Seconds: 2},
	}
	unit := Result{Stage: "unit", Passed: 7, Skipped: 1, Seconds: 3}
	endToEnd := Result{Stage: "e2e", Passed: 1, Failed: 1, Failures: []string{"p TestX"}}

	tests := map[string]struct {
		wanted []string
		want   []Result
	}{
		"without a wish every stage that ran is summed, in the order of the stages": {
			want: []Result{unit, endToEnd},
		},
		"a wish leaves the other stages out": {
			wanted: []string{"unit"},
			want:   []Result{unit},
		},
		"a stage that was wished for and did not run is a failure": {
			wanted: []string{"unit", "integration"},
			want:   []Result{unit, {Stage: "integration", Failed: 1, Failures: []string{"the stage did not run"}}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, sumStages(results, test.wanted)); diff != "" {
				t.Errorf("stages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteSummary(t *testing.T) {
	var out strings.Builder
	total, err := writeSummary(&out, []Result{
		{Stage: "unit", Passed: 412, Seconds: 31.24},
		{Stage: "e2e", Passed: 8, Failed: 1, Skipped: 2, Seconds: 240, Failures: []string{"suites TestChart"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `FAILED e2e: suites TestChart

  stage  passed  failed  skipped  seconds
   unit     412       0        0     31.2
    e2e       8       1        2    240.0
  total     420       1        2    271.2

420 passed, 1 failed, 2 skipped
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if total.Failed != 1 {
		t.Errorf("total.Failed = %d, want 1", total.Failed)
	}
}

func TestResultsSurviveTheDisk(t *testing.T) {
	directory := t.TempDir()
	want := []Result{{Stage: "unit", Name: "cluster", Passed: 2, Failed: 1, Skipped: 3, Seconds: 0.5, Failures: []string{"p T"}}}
	if err := want[0].save(directory); err != nil {
		t.Fatal(err)
	}
	got, err := loadResults(directory)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestSaveRefusesAnUnknownStage(t *testing.T) {
	err := Result{Stage: "smoke", Name: "root"}.save(t.TempDir())
	want := `unknown stage "smoke"; known are verify, unit, integration, e2e`
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
