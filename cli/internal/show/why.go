// SPDX-License-Identifier: Apache-2.0

package show

import (
	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/operator/report"
)

// Why prints answers: at length what is meant for the Pods, in a line what is not.
func (p *Printer) Why(w *view.Why) error {
	p.line("%s: %s", w.Subject, report.Count(w.Pods, "live Pod"))
	for _, note := range w.Notes {
		p.line("%s", note)
	}
	if len(w.Answers) == 0 {
		p.line("\nThere is no SidecarSet in the cluster, and no SchedPatch in the namespace, that you may see.")
	}
	beside := false
	for i := range w.Answers {
		a := &w.Answers[i]
		if a.Meant {
			p.answer(w, a)
			continue
		}
		if !beside {
			p.line("\nNot meant for %s:", w.About(a))
			beside = true
		}
		p.line("  %s/%s: %s", a.Kind, a.Name, a.Text)
		p.facts(a)
	}
	return nil
}

func (p *Printer) answer(w *view.Why, a *view.Answer) {
	tone := term.Bad
	if a.Applied {
		tone = term.Good
	}
	p.line("\n%s/%s in %s: %s\n  %s", a.Kind, a.Name, w.About(a), p.Palette.Paint(tone, a.Reason), a.Text)
	p.facts(a)
}

func (p *Printer) facts(a *view.Answer) {
	for _, fact := range a.Evidence {
		p.line("  * %s", fact)
	}
	for _, command := range a.Type {
		p.line("    %s", command)
	}
}
