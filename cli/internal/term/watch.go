// SPDX-License-Identifier: Apache-2.0

package term

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// Frame is what is to be seen at a time.
type Frame struct {
	// Text is the whole of it. Its lines may have colours.
	Text string
	// Key is the same without what changes as time goes by: where frames cannot be drawn over each other, one is written
	// when its key is new.
	Key string
}

// Watch shows a frame, and another one after each interval, until the context is done or a frame cannot be made. On a
// terminal each is drawn over the one before. It returns nil when the context is done: somebody has seen enough.
func Watch(ctx context.Context, out io.Writer, interval time.Duration, next func(context.Context) (Frame, error)) error {
	file, _ := out.(*os.File)
	s := screen{out: out, file: file, live: IsTerminal(out)}
	resized := make(chan os.Signal, 1)
	if s.live {
		notifyResized(resized)
		defer signal.Stop(resized)
		s.write(hideCursor)
		defer s.write(clearLine + showCursor)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		frame, err := next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.show(frame)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return nil
			case <-resized:
				s.draw()
			case <-ticker.C:
				waiting = false
			}
		}
	}
}

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	// clearLine clears the line below the last frame, where a terminal may have written ^C.
	clearLine = "\r\x1b[K"
	// wipe clears all from the cursor on.
	wipe = "\x1b[J"
)

// screen is where frames are shown.
type screen struct {
	out  io.Writer
	file *os.File
	live bool
	// last is the frame on show, and drawn are its lines as they were drawn.
	last  Frame
	drawn []string
	shown bool
}

func (s *screen) write(text string) { _, _ = io.WriteString(s.out, text) }

func (s *screen) show(frame Frame) {
	known := s.shown && frame.Key == s.last.Key
	s.last, s.shown = frame, true
	switch {
	case s.live:
		s.draw()
	case !known:
		s.write(frame.Text)
	}
}

// draw draws the last frame over what is there.
func (s *screen) draw() {
	width, height, err := term.GetSize(int(s.file.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	s.write(back(s.drawn, width) + wipe)
	s.drawn = fit(s.last.Text, width, height)
	s.write(strings.Join(s.drawn, "\n") + "\n")
}

// back moves the cursor to where the first of the lines begins. A terminal that has become narrower since has broken
// them.
func back(lines []string, width int) string {
	rows := 0
	for _, line := range lines {
		rows += max(1, (visible(line)+width-1)/width)
	}
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r", rows)
}

// fit cuts a text to what a terminal can show without moving: the last line is the cursor's.
func fit(text string, width, height int) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if room := max(1, height-1); len(lines) > room {
		hidden := len(lines) - room + 1
		lines = append(lines[:room-1:room-1], fmt.Sprintf("... and %d more lines", hidden))
	}
	for i := range lines {
		lines[i] = cut(lines[i], width)
	}
	return lines
}

// visible is how many characters of a line are seen.
func visible(line string) int {
	n := 0
	for len(line) > 0 {
		if rest, skipped := afterCode(line); skipped {
			line = rest
			continue
		}
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
		n++
	}
	return n
}

// cut keeps the first characters of a line, and the codes between and behind them.
func cut(line string, width int) string {
	var b strings.Builder
	for n := 0; len(line) > 0; {
		if rest, skipped := afterCode(line); skipped {
			b.WriteString(line[:len(line)-len(rest)])
			line = rest
			continue
		}
		_, size := utf8.DecodeRuneInString(line)
		if n < width {
			b.WriteString(line[:size])
		}
		n++
		line = line[size:]
	}
	return b.String()
}

// afterCode is what follows a colour's code, and whether there was one.
func afterCode(line string) (string, bool) {
	if !strings.HasPrefix(line, "\x1b[") {
		return line, false
	}
	end := strings.IndexByte(line, 'm')
	if end < 0 {
		return line, false
	}
	return line[end+1:], true
}
