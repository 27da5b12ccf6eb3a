// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/operator/report"
)

// fewPods is how many Pods of a group, or nodes, are shown, unless all are asked for.
const fewPods = 10

// branch is something that hangs in a tree.
type branch struct {
	text     string
	branches []branch
}

// Tree prints an object and its Pods: the first of each group, or all.
func (p *Printer) Tree(t *view.Tree, all bool) error {
	p.line("%s   %s%s", t.Root.Ref(), p.Palette.Paint(tones[t.Root.Health], t.Root.Status), p.times(t.Root))
	if t.Root.Message != "" {
		p.line("%s", t.Root.Message)
	}
	for _, note := range t.Root.Notes {
		p.line("%s (%s): %s", note.Condition, note.Reason, note.Message)
	}
	var roots []branch
	for i := range t.Groups {
		roots = append(roots, p.group(&t.Groups[i], all))
	}
	if waiting := t.Root.Waiting; len(waiting) > 0 {
		b := branch{text: "waiting for their update"}
		for _, w := range waiting {
			b.branches = append(b.branches, branch{text: view.Waits(w)})
		}
		roots = append(roots, b)
	}
	p.hang(roots, "")
	for _, note := range t.Notes {
		p.line("%s", note)
	}
	return nil
}

func (p *Printer) times(r *view.Rollout) string {
	out := ""
	if since := p.since(r.Since); since != "" {
		out += "   since " + since
	}
	if left := p.about(r.LeftSeconds); left != "" {
		out += "   " + left + " left"
	}
	return out
}

func (p *Printer) group(g *view.Group, all bool) branch {
	out := branch{text: fmt.Sprintf("%s: %s", g.Title, report.Pods(len(g.Pods)))}
	first := g.Pods[:shown(len(g.Pods), all)]
	width := 0
	for i := range first {
		width = max(width, utf8.RuneCountInString(first[i].Namespace+"/"+first[i].Name))
	}
	for i := range first {
		l := &first[i]
		name := l.Namespace + "/" + l.Name
		if l.State != "" {
			name += strings.Repeat(" ", width-utf8.RuneCountInString(name)) + "   " + p.Palette.Paint(tones[l.Health], l.State)
		}
		out.branches = append(out.branches, branch{text: name})
	}
	return p.hide(out, len(g.Pods))
}

// shown is how many of some things are shown.
func shown(count int, all bool) int {
	if all {
		return count
	}
	return min(count, fewPods)
}

// hide tells how many of some things are not among the branches.
func (p *Printer) hide(b branch, count int) branch {
	if hidden := count - len(b.branches); hidden > 0 {
		b.branches = append(b.branches, branch{text: p.Palette.Paint(term.Faint, fmt.Sprintf("and %d more, see --all", hidden))})
	}
	return b
}

// hang prints branches below each other.
func (p *Printer) hang(branches []branch, before string) {
	for i := range branches {
		fork, below := "├─ ", "│  "
		if i == len(branches)-1 {
			fork, below = "└─ ", "   "
		}
		p.line("%s%s%s", before, fork, branches[i].text)
		p.hang(branches[i].branches, before+below)
	}
}
