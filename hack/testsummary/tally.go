// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// outcome is what became of one test.
type outcome struct {
	action string
	specs  *specCount
	// left is how many specs of a Ginkgo suite a filter leaves out.
	left   int
	output []string
}

// specCount is what a Ginkgo suite says of itself when it closes.
type specCount struct {
	passed, failed, skipped int
}

// packageTally collects the events of one package.
type packageTally struct {
	tests  map[string]*outcome
	output []string
}

// packageReport is what one finished package came to.
type packageReport struct {
	pkg                     string
	passed, failed, skipped int
	elapsed                 time.Duration
	failures                []string
	// failureOutput holds the lines printed by what failed.
	failureOutput []string
}

// tally turns the events of a test run into reports, one for each package when it is finished.
type tally struct {
	running map[string]*packageTally
}

func newTally() *tally {
	return &tally{running: map[string]*packageTally{}}
}

// runningPackages names the packages that have started and not finished, sorted.
func (t *tally) runningPackages() []string {
	names := make([]string, 0, len(t.running))
	for name := range t.running {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// observe takes one event in. It returns a report when the event finishes a package that ran tests or failed to, else
// nil.
func (t *tally) observe(e event) *packageReport {
	if e.Package == "" {
		return nil
	}
	pkg := t.running[e.Package]
	if pkg == nil {
		pkg = &packageTally{tests: map[string]*outcome{}}
		t.running[e.Package] = pkg
	}
	if e.Test != "" {
		pkg.observeTest(e)
		return nil
	}
	switch e.Action {
	case "output":
		pkg.output = append(pkg.output, e.Output)
	case "pass", "fail", "skip":
		delete(t.running, e.Package)
		return pkg.report(e)
	}
	return nil
}

func (p *packageTally) observeTest(e event) {
	test := p.tests[e.Test]
	if test == nil {
		test = &outcome{}
		p.tests[e.Test] = test
	}
	switch e.Action {
	case "output":
		test.output = append(test.output, e.Output)
		test.left += parseLeftOut(e.Output)
		if specs := parseSpecCount(e.Output); specs != nil {
			// A spec that was not asked for is none that was skipped: another run has it.
			specs.skipped = max(0, specs.skipped-test.left)
			test.specs = specs
		}
	case "pass", "fail", "skip":
		test.action = e.Action
	}
}

// report counts the tests that have no subtests of their own; a Ginkgo suite counts as its specs. A package that failed
// without a failed test (it did not build, panicked or ran out of time) counts as one failure.
func (p *packageTally) report(end event) *packageReport {
	report := &packageReport{pkg: end.Package, elapsed: time.Duration(end.Elapsed * float64(time.Second))}
	names := make([]string, 0, len(p.tests))
	for name := range p.tests {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		report.count(name, p.tests[name], p.subtests(name))
	}
	if end.Action == "fail" && report.failed == 0 {
		report.failed = 1
		report.failures = append(report.failures, end.Package+" (did not run to its end)")
		report.failureOutput = append(report.failureOutput, p.unfinishedOutput(names)...)
	}
	if report.passed+report.failed+report.skipped == 0 {
		return nil
	}
	return report
}

// count adds one test. A parent counts through its subtests; it counts itself only when it failed and none of them did.
func (r *packageReport) count(name string, test *outcome, subtests []*outcome) {
	failed := func(subtest *outcome) bool { return subtest.action == "fail" }
	switch {
	case test.specs != nil:
		r.countSuite(name, test)
	case test.action == "fail" && !slices.ContainsFunc(subtests, failed):
		r.failed++
		r.fail(name, test)
	case len(subtests) > 0:
	case test.action == "pass":
		r.passed++
	case test.action == "skip":
		r.skipped++
	}
}

func (r *packageReport) countSuite(name string, test *outcome) {
	r.passed += test.specs.passed
	r.failed += test.specs.failed
	r.skipped += test.specs.skipped
	if test.action != "fail" {
		return
	}
	if test.specs.failed == 0 {
		// The suite failed outside of its specs, such as in BeforeSuite.
		r.failed++
	}
	r.fail(name, test)
}

func (r *packageReport) fail(name string, test *outcome) {
	r.failures = append(r.failures, r.pkg+" "+name)
	r.failureOutput = append(r.failureOutput, test.output...)
}

func (p *packageTally) unfinishedOutput(names []string) []string {
	lines := slices.Clone(p.output)
	for _, name := range names {
		if test := p.tests[name]; test.action == "" {
			lines = append(lines, test.output...)
		}
	}
	return lines
}

// subtests returns the outcomes of all tests below the named one.
func (p *packageTally) subtests(name string) []*outcome {
	var below []*outcome
	for other, outcome := range p.tests {
		if strings.HasPrefix(other, name+"/") {
			below = append(below, outcome)
		}
	}
	return below
}

var (
	terminalColour = regexp.MustCompile("\x1b\\[[0-9;]*m")
	suiteOpening   = regexp.MustCompile(`^Will run (\d+) of (\d+) specs`)
	suiteClosing   = regexp.MustCompile(`(\d+) Passed \| (\d+) Failed \|.* (\d+) Pending \| (\d+) Skipped`)
)

// parseSpecCount reads the closing line of a Ginkgo suite; it returns nil for any other line. Pending specs count as
// skipped.
func parseSpecCount(line string) *specCount {
	match := suiteClosing.FindStringSubmatch(terminalColour.ReplaceAllString(line, ""))
	if match == nil {
		return nil
	}
	number := func(i int) int { return toNumber(match[i]) }
	return &specCount{passed: number(1), failed: number(2), skipped: number(3) + number(4)}
}

// parseLeftOut reads how many specs the opening line of a Ginkgo suite leaves out; it returns 0 for any other line.
func parseLeftOut(line string) int {
	match := suiteOpening.FindStringSubmatch(terminalColour.ReplaceAllString(line, ""))
	if match == nil {
		return 0
	}
	return toNumber(match[2]) - toNumber(match[1])
}

// toNumber reads digits. More of them than fit into an int count as 0; no suite has that many specs.
func toNumber(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
