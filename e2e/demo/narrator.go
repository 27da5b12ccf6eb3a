// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// narrator tells a person what happens, as it happens.
type narrator struct {
	out   io.Writer
	began time.Time
}

func newNarrator(out io.Writer) *narrator {
	return &narrator{out: out, began: time.Now()}
}

// step announces what comes next, after an empty line.
func (n *narrator) step(format string, args ...any) {
	fmt.Fprintln(n.out)
	n.stamp(fmt.Sprintf(format, args...))
}

// note says what has come of it.
func (n *narrator) note(format string, args ...any) {
	n.stamp("  " + fmt.Sprintf(format, args...))
}

// command shows what a user would type.
func (n *narrator) command(text string) {
	n.block("$ " + text)
}

func (n *narrator) stamp(text string) {
	fmt.Fprintf(n.out, "[%5.1fs] %s\n", time.Since(n.began).Seconds(), text)
}

// block prints lines as they are, indented below the steps.
func (n *narrator) block(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintln(n.out, strings.TrimRight("           "+line, " "))
	}
}

// table prints rows in columns.
func (n *narrator) table(rows [][]string) {
	var text strings.Builder
	writer := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(writer, strings.Join(row, "\t"))
	}
	// Writing into memory cannot fail.
	_ = writer.Flush()
	n.block(text.String())
}
