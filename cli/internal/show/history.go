// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"strings"

	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// History prints a table of versions.
func (p *Printer) History(history []*view.Revision) error {
	table := term.Table{Header: []string{"REVISION", "NAME", "RECORDED", "", "IMAGES", "NOTE"}}
	for _, r := range history {
		current := ""
		if r.Current {
			current = "now"
		}
		table.Add(term.Text(fmt.Sprint(r.Number)), term.Text(r.Name), term.Text(p.since(&r.Created)),
			term.Cell{Text: current, Tone: term.Good}, term.Text(strings.Join(r.Images, ",")), term.Text(r.Note))
	}
	return table.Write(p.Out, p.Palette)
}

// Diff prints a difference.
func (p *Printer) Diff(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		tone := term.Plain
		switch line[0] {
		case '+':
			tone = term.Good
		case '-':
			tone = term.Bad
		case '@':
			tone = term.Faint
		}
		p.line("%s", p.Palette.Paint(tone, line))
	}
}
