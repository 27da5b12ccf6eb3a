// SPDX-License-Identifier: Apache-2.0

// Package term writes what people see: tables, trees and colours, and frames that are drawn again in place.
package term

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Tone is how a piece of text is to be taken. Where there are no colours it makes no difference: no text needs it to be
// understood.
type Tone int

const (
	// Plain is neither good nor bad.
	Plain Tone = iota
	// Good is as it should be.
	Good
	// Busy is on its way.
	Busy
	// Bad needs a person.
	Bad
	// Faint is beside the point.
	Faint
)

var codes = map[Tone]string{Good: "\x1b[32m", Busy: "\x1b[33m", Bad: "\x1b[31m", Faint: "\x1b[2m"}

const reset = "\x1b[0m"

// Palette colours text, or does not.
type Palette struct{ on bool }

// PaletteFor gives colours to a terminal, unless NO_COLOR is set to anything or TERM is dumb.
func PaletteFor(out io.Writer) Palette {
	return Palette{IsTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// Paint is the text in its tone.
func (p Palette) Paint(tone Tone, text string) string {
	if !p.on || codes[tone] == "" || text == "" {
		return text
	}
	return codes[tone] + text + reset
}

// IsTerminal reports whether somebody reads what is written there as it is written.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
