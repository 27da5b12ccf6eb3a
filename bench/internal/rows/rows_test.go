// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is recorded is found by the line's name, and a row is chosen by its number, so both must be what they seem.
func TestNamesOfRowsAndLines(t *testing.T) {
	ids, lines := map[string]bool{}, map[string]bool{}
	for _, row := range All() {
		if ids[row.ID] {
			t.Errorf("two rows have the number %s", row.ID)
		}
		ids[row.ID] = true
		if row.What == "" || row.Prepare == nil || len(row.Lines) == 0 {
			t.Errorf("row %s has no words, no lines or nothing to measure", row.ID)
		}
		for _, line := range row.Lines {
			if lines[line.Name] {
				t.Errorf("two lines have the name %q", line.Name)
			}
			lines[line.Name] = true
			if !strings.HasPrefix(line.Name, row.ID+" ") {
				t.Errorf("line %q does not begin with the number of its row, %s", line.Name, row.ID)
			}
			if line.Unit == "" || line.Better == "" {
				t.Errorf("line %q has no unit, or does not say what is better", line.Name)
			}
		}
	}
}

func TestSmallRunsGrowLess(t *testing.T) {
	got := map[float64][]int{1: sizesOf(1), 0.5: sizesOf(0.5), 0.1: sizesOf(0.1)}
	want := map[float64][]int{1: growthSizes, 0.5: growthSizes, 0.1: {250, 500, 1000}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sizes by scale (-want +got):\n%s", diff)
	}
}

func TestStatusIsLookedAtWhileTheMeasurementEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		status := lookForReport(t.Context(), time.Now(), func(context.Context) error {
			if calls++; calls < 4 {
				return errors.New("not yet")
			}
			return nil
		})
		time.Sleep(5 * time.Second) // as long as a profile
		if diff := cmp.Diff(report{trailed: 3 * reportStep}, <-status, cmp.AllowUnexported(report{})); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	})
}

func TestStatusIsNotLookedAtForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := errors.New("never")
		if got := <-lookForReport(t.Context(), time.Now(), func(context.Context) error { return never }); !errors.Is(got.err, never) {
			t.Errorf("error %v, want %v", got.err, never)
		}
		ctx, cancel := context.WithCancel(t.Context())
		status := lookForReport(ctx, time.Now(), func(context.Context) error { return never })
		cancel()
		if got := <-status; !errors.Is(got.err, context.Canceled) {
			t.Errorf("error %v of a context that has ended", got.err)
		}
	})
}

func TestWhatIsPreparedInPartIsUndone(t *testing.T) {
	failed, stays := errors.New("failed"), errors.New("stays")
	cases := map[string]struct {
		do         error
		wantUndone bool
	}{
		"done":     {nil, false},
		"not done": {failed, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			undone := false
			err := doOrUndo(ctx, func(context.Context) error {
				interrupt()
				return c.do
			}, func(ctx context.Context) error {
				undone = true
				return errors.Join(ctx.Err(), stays)
			})
			if undone != c.wantUndone {
				t.Errorf("undone: %v, want %v", undone, c.wantUndone)
			}
			if errors.Is(err, failed) != c.wantUndone || errors.Is(err, stays) != c.wantUndone || errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestStatusOfABurst(t *testing.T) {
	refused := errors.New("refused")
	type answer struct {
		matched, ready int
		err            error
	}
	cases := map[string]struct {
		answers []answer // the last one is given again and again
		want    int
		wantErr error
	}{
		"it has all in the end":              {[]answer{{5, 3, nil}, {0, 0, refused}, {10, 10, nil}}, 0, nil},
		"it never has all":                   {[]answer{{12, 7, nil}}, 3, nil},
		"it was seen once, before it was so": {[]answer{{10, 8, nil}, {0, 0, refused}}, 2, nil},
		"nobody could look":                  {[]answer{{0, 0, refused}}, 0, refused},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := reportedApart(t.Context(), 10, func(context.Context) (int, int, error) {
					a := c.answers[0]
					if len(c.answers) > 1 {
						c.answers = c.answers[1:]
					}
					return a.matched, a.ready, a.err
				})
				if got != c.want || !errors.Is(err, c.wantErr) {
					t.Errorf("%d Pods, error %v; want %d, %v", got, err, c.want, c.wantErr)
				}
			})
		})
	}
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := make(window, 1)
		w.leave() // nobody is in it
		if err := w.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v: a second one had room", err)
		}
		w.leave()
		if err := w.enter(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
