// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"strings"

	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/operator/report"
)

// verdicts are how they are to be taken.
var verdicts = map[view.Verdict]term.Tone{view.Passed: term.Good, view.Warned: term.Busy, view.Failed: term.Bad, view.Unchecked: term.Faint}

// verdictWidth is how wide the longest verdict is.
var verdictWidth = len(view.Unchecked)

// Checks prints a line for each, what to do below it, and what came of them all.
func (p *Printer) Checks(checks []view.Check) {
	counts := map[view.Verdict]int{}
	below := strings.Repeat(" ", verdictWidth+4)
	for i := range checks {
		c := &checks[i]
		counts[c.Verdict]++
		padding := strings.Repeat(" ", verdictWidth-len(c.Verdict))
		p.line("%s%s  %s: %s", p.Palette.Paint(verdicts[c.Verdict], string(c.Verdict)), padding, c.Name, indented(c.Finding, below))
		if c.Hint != "" {
			p.line("%s%s", below, indented(c.Hint, below))
		}
	}
	text := fmt.Sprintf("%s: %d failed, %s",
		report.Count(len(checks), "check"), counts[view.Failed], report.Count(counts[view.Warned], "warning"))
	if n := counts[view.Unchecked]; n > 0 {
		text += fmt.Sprintf(", %d not checked", n)
	}
	p.line("%s.", text)
}

// indented has the lines of a text after the first one begin below it.
func indented(text, by string) string { return strings.ReplaceAll(text, "\n", "\n"+by) }
