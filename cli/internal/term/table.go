// SPDX-License-Identifier: Apache-2.0

package term

import (
	"io"
	"strings"
	"unicode/utf8"
)

// gap is what stands between two columns, as in kubectl's tables.
const gap = "   "

// Cell is a cell of a table, or a piece of a line.
type Cell struct {
	Text string
	Tone Tone
}

// Text is a cell in no particular tone.
func Text(text string) Cell { return Cell{Text: text} }

// Table is a table without rules, as kubectl prints them.
type Table struct {
	Header []string
	Rows   [][]Cell
}

// Add adds a row.
func (t *Table) Add(cells ...Cell) { t.Rows = append(t.Rows, cells) }

// Write writes the header and the rows.
func (t *Table) Write(out io.Writer, palette Palette) error {
	widths := t.widths()
	header := make([]Cell, len(t.Header))
	for i, text := range t.Header {
		header[i] = Text(text)
	}
	var b strings.Builder
	for _, row := range append([][]Cell{header}, t.Rows...) {
		line(&b, row, widths, palette)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (t *Table) widths() []int {
	widths := make([]int, len(t.Header))
	for i, text := range t.Header {
		widths[i] = utf8.RuneCountInString(text)
	}
	for _, row := range t.Rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell.Text))
		}
	}
	return widths
}

// line writes a row. Nothing stands behind its last text.
func line(b *strings.Builder, row []Cell, widths []int, palette Palette) {
	last := len(row) - 1
	for last > 0 && row[last].Text == "" {
		last--
	}
	for i := range row[:last+1] {
		b.WriteString(palette.Paint(row[i].Tone, row[i].Text))
		if i < last {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(row[i].Text)))
			b.WriteString(gap)
		}
	}
	b.WriteByte('\n')
}
