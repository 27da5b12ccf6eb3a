// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"strings"

	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// wouldBe is what a write would do, for people.
var wouldBe = map[view.Action]string{
	view.WouldCreate: "would be created", view.WouldChange: "would be changed", view.WouldKeep: "would stay as it is",
}

// Preview prints what a change would lead to: of each group the first Pods, or all.
func (p *Printer) Preview(w *view.Preview, all bool) {
	if w.Refused != "" {
		p.line("%s   %s", w.Ref(), p.Palette.Paint(term.Bad, "would be refused"))
		for line := range strings.SplitSeq(w.Refused, "\n") {
			p.line("  %s", line)
		}
		return
	}
	head := wouldBe[w.Action]
	switch {
	case w.NewRevision:
		head += ", and has a new revision: " + w.Revision
	case w.Revision != "":
		head += ", at revision " + w.Revision
	}
	p.line("%s   %s", w.Ref(), head)
	for _, warning := range w.Warnings {
		p.line("%s: %s", p.Palette.Paint(term.Busy, "warning"), warning)
	}
	if w.Rests != "" {
		p.line("No Pod is updated as long as %s.", w.Rests)
	}
	var roots []branch
	for i := range w.Groups {
		roots = append(roots, p.group(&w.Groups[i].Group, all))
	}
	roots = append(roots, p.nodes(w.Nodes, all)...)
	p.hang(roots, "")
	if len(roots) == 0 && w.Kind != view.SchedPatch {
		p.line("No live Pod is concerned.")
	}
	for _, note := range w.Notes {
		p.line("%s", note)
	}
}

// nodes are those for new Pods of a target.
func (p *Printer) nodes(n *view.NodeChange, all bool) []branch {
	if n == nil {
		return nil
	}
	out := []branch{p.names("nodes that new Pods of "+n.Target+" keep", n.Kept, all)}
	if len(n.Lost) > 0 {
		out = append(out, p.names("nodes that they lose", n.Lost, all))
	}
	if len(n.Gained) > 0 {
		out = append(out, p.names("nodes that they gain", n.Gained, all))
	}
	return out
}

func (p *Printer) names(title string, names []string, all bool) branch {
	out := branch{text: fmt.Sprintf("%s: %d", title, len(names))}
	for _, name := range names[:shown(len(names), all)] {
		out.branches = append(out.branches, branch{text: name})
	}
	return p.hide(out, len(names))
}
