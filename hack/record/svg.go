// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"
)

// Sizes of the drawing, in pixels.
const (
	advance = 8.4
	leading = 18
	margin  = 14
)

// drawing says how frames are drawn.
type drawing struct {
	columns, rows int
	longest       time.Duration
}

// classes are what escape sequences look like.
var classes = map[string]string{"31": "bad", "32": "good", "33": "busy", "2": "faint", "1": "bold"}

const style = `text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d8dee9;white-space:pre}
rect{fill:#1e2430}.good{fill:#8fce72}.busy{fill:#f2c14e}.bad{fill:#ff7b72}.faint{fill:#8a94a6}.bold{font-weight:bold}
.f{visibility:hidden}
`

// of draws frames, one after the other, over and over. Who wants no motion sees the last one.
func (d drawing) of(frames []frame) string {
	width, height := int(float64(d.columns)*advance)+2*margin, d.rows*leading+2*margin
	total := time.Duration(0)
	for i := range frames {
		frames[i].shown = min(frames[i].shown, d.longest)
		total += frames[i].shown
	}
	var motion, body strings.Builder
	at := time.Duration(0)
	for i, f := range frames {
		fmt.Fprintf(&motion, "#f%d{animation:k%d %.2fs step-end infinite}%s\n", i, i, total.Seconds(), keyframes(i, at, at+f.shown, total))
		at += f.shown
		fmt.Fprintf(&body, "<g id=\"f%d\" class=\"f\">\n%s</g>\n", i, lines(f.screen))
	}
	return fmt.Sprintf("<!-- Made by hack/record. -->\n"+
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n<style>\n%s"+
		"#f%d{visibility:visible}\n@media (prefers-reduced-motion:no-preference){\n%s}\n</style>\n"+
		"<rect width=\"100%%\" height=\"100%%\" rx=\"8\"/>\n%s</svg>\n",
		width, height, width, height, style, len(frames)-1, motion.String(), body.String())
}

// keyframes show a frame from one time to another.
func keyframes(i int, from, to, total time.Duration) string {
	percent := func(t time.Duration) float64 { return 100 * t.Seconds() / total.Seconds() }
	before := ""
	if from > 0 {
		before = "0%{visibility:hidden}"
	}
	return fmt.Sprintf("@keyframes k%d{%s%.2f%%{visibility:visible}%.2f%%,100%%{visibility:hidden}}", i, before, percent(from), percent(to))
}

func lines(screen string) string {
	var out strings.Builder
	for i, line := range strings.Split(screen, "\n") {
		if line = spans(line); line != "" {
			fmt.Fprintf(&out, "<text x=\"%d\" y=\"%d\">%s</text>\n", margin, margin+(i+1)*leading-5, line)
		}
	}
	return out.String()
}

var escape = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// spans are a line with its colours.
func spans(line string) string {
	var out strings.Builder
	class, at := "", 0
	write := func(text string) {
		switch text = html.EscapeString(text); {
		case text == "":
		case class == "":
			out.WriteString(text)
		default:
			fmt.Fprintf(&out, "<tspan class=%q>%s</tspan>", class, text)
		}
	}
	for _, found := range escape.FindAllStringSubmatchIndex(line, -1) {
		write(line[at:found[0]])
		class, at = classes[line[found[2]:found[3]]], found[1]
	}
	write(strings.TrimRight(line[at:], " "))
	return out.String()
}
