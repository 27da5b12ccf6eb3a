// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPackageReport(t *testing.T) {
	pass := func(test string) event { return event{Action: "pass", Package: "p", Test: test} }
	fail := func(test string) event { return event{Action: "fail", Package: "p", Test: test} }
	skip := func(test string) event { return event{Action: "skip", Package: "p", Test: test} }
	says := func(test, line string) event {
		return event{Action: "output", Package: "p", Test: test, Output: line + "\n"}
	}

	tests := map[string]struct {
		events []event
		want   *packageReport
	}{
		"a package without tests is no report": {
			events: []event{skip("")},
			want:   nil,
		},
		"a test with subtests counts as its subtests": {
			events: []event{pass("A/one"), pass("A/two"), skip("A/three"), pass("A"), pass("B"), pass("")},
			want:   &packageReport{pkg: "p", passed: 3, skipped: 1},
		},
		"a failed subtest is counted once, not again for its parent": {
			events: []event{pass("A/one"), says("A/two", "got 2"), fail("A/two"), fail("A"), fail("")},
			want: &packageReport{
				pkg: "p", passed: 1, failed: 1,
				failures: []string{"p A/two"}, failureOutput: []string{"got 2\n"},
			},
		},
		"a parent that fails by itself is counted beside its passed subtests": {
			events: []event{pass("A/one"), says("A", "left over"), fail("A"), fail("")},
			want: &packageReport{
				pkg: "p", passed: 1, failed: 1,
				failures: []string{"p A"}, failureOutput: []string{"left over\n"},
			},
		},
		"a test whose name begins like another's is not its subtest": {
			events: []event{pass("A"), pass("AB"), pass("")},
			want:   &packageReport{pkg: "p", passed: 2},
		},
		"a Ginkgo suite counts as its specs, in colour too": {
			events: []event{
				says("TestSuite", "\x1b[32mSUCCESS!\x1b[0m -- \x1b[32m\x1b[1m5 Passed\x1b[0m | 0 Failed | 1 Pending | 2 Skipped"),
				pass("TestSuite"), pass("TestOther"), pass(""),
			},
			want: &packageReport{pkg: "p", passed: 6, skipped: 3},
		},
		"specs that a filter leaves out were not skipped": {
			events: []event{
				says("TestSuite", "Will run \x1b[1m11\x1b[0m of \x1b[1m122\x1b[0m specs"),
				says("TestSuite", "SUCCESS! -- 10 Passed | 0 Failed | 0 Pending | 112 Skipped"),
				pass("TestSuite"), pass(""),
			},
			want: &packageReport{pkg: "p", passed: 10, skipped: 1},
		},
		"a Ginkgo suite with a flaked spec is read as well": {
			events: []event{
				says("TestSuite", "SUCCESS! -- 5 Passed | 0 Failed | 1 Flaked | 0 Pending | 0 Skipped"),
				pass("TestSuite"), pass(""),
			},
			want: &packageReport{pkg: "p", passed: 5},
		},
		"a Ginkgo suite that fails outside of its specs is one failure": {
			events: []event{
				says("TestSuite", "FAIL! -- 0 Passed | 0 Failed | 0 Pending | 4 Skipped"),
				fail("TestSuite"), fail(""),
			},
			want: &packageReport{
				pkg: "p", failed: 1, skipped: 4, failures: []string{"p TestSuite"},
				failureOutput: []string{"FAIL! -- 0 Passed | 0 Failed | 0 Pending | 4 Skipped\n"},
			},
		},
		"a package that panics is one failure with the output of the test that ran": {
			events: []event{pass("A"), says("B", "panic: oh"), says("", "exit status 2"), fail("")},
			want: &packageReport{
				pkg: "p", passed: 1, failed: 1, failures: []string{"p (did not run to its end)"},
				failureOutput: []string{"exit status 2\n", "panic: oh\n"},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tally := newTally()
			var got *packageReport
			for _, e := range test.events {
				got = tally.observe(e)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(packageReport{})); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if running := tally.runningPackages(); len(running) != 0 {
				t.Errorf("still running: %s", strings.Join(running, ", "))
			}
		})
	}
}
