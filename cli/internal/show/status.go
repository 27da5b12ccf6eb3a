// SPDX-License-Identifier: Apache-2.0

// Package show prints answers for people. What programs read of them is the JSON of the answers themselves.
package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// Printer prints at a time, to somebody.
type Printer struct {
	Out     io.Writer
	Palette term.Palette
	Now     time.Time
	// Timeless leaves out what changes as time goes by.
	Timeless bool
}

func (p *Printer) line(format string, args ...any) { fmt.Fprintf(p.Out, format+"\n", args...) }

// since is a time as kubectl shows ages.
func (p *Printer) since(at *metav1.Time) string {
	if p.Timeless {
		return ""
	}
	return Since(at, p.Now)
}

// Since is how long ago something was, as kubectl shows ages; "" where it is not known.
func Since(at *metav1.Time, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return duration.HumanDuration(now.Sub(at.Time))
}

func (p *Printer) about(seconds int) string {
	if p.Timeless {
		return ""
	}
	return About(seconds)
}

// Until is how long it is until then.
func Until(at metav1.Time, now time.Time) string { return duration.HumanDuration(at.Sub(now)) }

// About is a time that nobody knows exactly; "" for none.
func About(seconds int) string {
	if seconds == 0 {
		return ""
	}
	return "~" + duration.HumanDuration(time.Duration(seconds)*time.Second)
}

// tones are how a row is to be taken.
var tones = map[view.Health]term.Tone{view.Fine: term.Good, view.Working: term.Busy, view.Wrong: term.Bad}

// Rollouts prints a table of rows, with their namespaces or without.
func (p *Printer) Rollouts(rows []*view.Rollout, namespaces bool) error {
	table := term.Table{Header: []string{"NAME", "STATUS", "PODS", "SINCE", "LEFT"}}
	if namespaces {
		table.Header = append([]string{"NAMESPACE"}, table.Header...)
	}
	for _, r := range rows {
		cells := []term.Cell{
			term.Text(r.Ref().String()), {Text: r.Status, Tone: tones[r.Health]}, term.Text(bar(r.Done, r.Of)),
			term.Text(p.since(r.Since)), term.Text(p.about(r.LeftSeconds)),
		}
		if namespaces {
			cells = append([]term.Cell{term.Text(r.Namespace)}, cells...)
		}
		table.Add(cells...)
	}
	return table.Write(p.Out, p.Palette)
}

// barWidth is how many characters a full bar has.
const barWidth = 12

// bar shows how much is done, "" when there is nothing to do.
func bar(done, of int) string {
	if of <= 0 {
		return ""
	}
	full := min(barWidth, done*barWidth/of)
	return fmt.Sprintf("[%s%s] %d/%d", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, of)
}

// Rollout prints a row and all that is known of it.
func (p *Printer) Rollout(r *view.Rollout) error {
	if err := p.Rollouts([]*view.Rollout{r}, r.Kind.Namespaced()); err != nil {
		return err
	}
	p.Details(r)
	return nil
}

// Details prints what an object's conditions say, and what its Pods wait for.
func (p *Printer) Details(r *view.Rollout) {
	if r.Message != "" {
		p.line("\n%s", r.Message)
	}
	if len(r.Notes) > 0 {
		p.line("")
	}
	for _, note := range r.Notes {
		p.line("%s (%s): %s", note.Condition, note.Reason, note.Message)
	}
	if len(r.Waiting) > 0 {
		p.line("\nWaiting for their update:")
	}
	for _, w := range r.Waiting {
		p.line("  %s", view.Waits(w))
	}
}
