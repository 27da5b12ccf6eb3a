// SPDX-License-Identifier: Apache-2.0

// Command record makes an animated SVG of what a command shows in a terminal. It runs the command in tmux, looks at the screen
// four times a second until the command ends, and writes each screen that differs as a frame.
//
//	go run ./hack/record -columns 90 -rows 16 -- kubectl windlass tree sidecarset/agent -w > docs/tree.svg
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// every is how often the screen is looked at.
const every = 250 * time.Millisecond

func main() {
	columns := flag.Int("columns", 90, "width of the terminal")
	rows := flag.Int("rows", 16, "height of the terminal")
	limit := flag.Duration("limit", time.Minute, "end it after this time")
	longest := flag.Duration("longest", 2*time.Second, "how long one frame is shown at most")
	flag.Parse()
	frames, err := record(flag.Args(), *columns, *rows, *limit)
	if err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
	fmt.Print(drawing{columns: *columns, rows: *rows, longest: *longest}.of(frames))
}

// frame is what a screen showed, with its escape sequences, and for how long.
type frame struct {
	screen string
	shown  time.Duration
}

// record runs a command in a terminal of its own.
func record(command []string, columns, rows int, limit time.Duration) ([]frame, error) {
	if len(command) == 0 {
		return nil, fmt.Errorf("usage: record [flags] -- COMMAND")
	}
	socket := fmt.Sprintf("record-%d", os.Getpid())
	tmux := func(args ...string) (string, error) {
		args = append([]string{"-L", socket, "-f", "/dev/null"}, args...)
		output, err := exec.Command("tmux", args...).CombinedOutput()
		return string(output), err
	}
	start := append([]string{"new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows)}, command...)
	if output, err := tmux(start...); err != nil {
		return nil, fmt.Errorf("tmux: %w: %s", err, output)
	}
	defer tmux("kill-server") //nolint:errcheck // it may have ended
	var frames []frame
	for range int(limit / every) {
		screen, err := tmux("capture-pane", "-p", "-e")
		if err != nil {
			break // the command has ended, and tmux with it
		}
		frames = add(frames, strings.TrimRight(screen, "\n "))
		time.Sleep(every)
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("%s showed nothing, or ended at once", strings.Join(command, " "))
	}
	return frames, nil
}

// add adds a screen. Nothing is shown before the first text.
func add(frames []frame, screen string) []frame {
	last := len(frames) - 1
	switch {
	case last >= 0 && frames[last].screen == screen:
		frames[last].shown += every
		return frames
	case screen == "":
		return frames
	}
	return append(frames, frame{screen: screen, shown: every})
}
