// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTableIsAlignedWhateverItsColours(t *testing.T) {
	table := Table{Header: []string{"NAME", "STATUS", "SINCE"}}
	table.Add(Text("a"), Cell{"Complete", Good}, Text("3h"))
	table.Add(Text("änderung"), Cell{"x", Bad}, Text(""))
	for name, test := range map[string]struct {
		palette Palette
		want    string
	}{
		"without": {Palette{}, "NAME       STATUS     SINCE\na          Complete   3h\nänderung   x\n"},
		"with":    {Palette{on: true}, "NAME       STATUS     SINCE\na          \x1b[32mComplete\x1b[0m   3h\nänderung   \x1b[31mx\x1b[0m\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := table.Write(&out, test.palette); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoColoursWhereNobodySeesThem(t *testing.T) {
	if got := PaletteFor(&bytes.Buffer{}).Paint(Bad, "x"); got != "x" {
		t.Errorf("%q", got)
	}
}

func TestFitCutsToTheTerminal(t *testing.T) {
	for name, test := range map[string]struct {
		text          string
		width, height int
		want          []string
	}{
		"what fits stays":           {"ab\ncd\n", 10, 10, []string{"ab", "cd"}},
		"long lines are cut":        {"abcdef\n", 3, 10, []string{"abc"}},
		"colours take no place":     {"\x1b[31mabcdef\x1b[0m\n", 3, 10, []string{"\x1b[31mabc\x1b[0m"}},
		"characters, and not bytes": {"äöüß\n", 2, 10, []string{"äö"}},
		"too many lines":            {"a\nb\nc\nd\n", 40, 4, []string{"a", "b", "... and 2 more lines"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, fit(test.text, test.width, test.height)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A terminal that has become narrower has broken the lines that were drawn.
func TestBackGoesOverBrokenLines(t *testing.T) {
	lines := []string{"abcdef", "", "\x1b[31mab\x1b[0m"}
	for width, want := range map[int]string{10: "\x1b[3A\r", 3: "\x1b[4A\r", 2: "\x1b[5A\r"} {
		if got := back(lines, width); got != want {
			t.Errorf("width %d: %q, want %q", width, got, want)
		}
	}
	if got := back(nil, 10); got != "" {
		t.Errorf("before anything is drawn: %q", got)
	}
}

func TestWhereFramesCannotBeDrawnOverEachOtherOnlyChangesAreWritten(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	frames := []Frame{{"one, 1s\n", "one"}, {"one, 2s\n", "one"}, {"two, 3s\n", "two"}}
	var out bytes.Buffer
	err := Watch(ctx, &out, time.Nanosecond, func(context.Context) (Frame, error) {
		frame := frames[0]
		if frames = frames[1:]; len(frames) == 0 {
			frames = []Frame{frame}
			if strings.Contains(out.String(), "two") {
				stop()
			}
		}
		return frame, nil
	})
	if diff := cmp.Diff("one, 1s\ntwo, 3s\n", out.String()); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestWatchEndsWithAnError(t *testing.T) {
	broken := errors.New("broken")
	err := Watch(t.Context(), &bytes.Buffer{}, time.Hour, func(context.Context) (Frame, error) { return Frame{}, broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
