// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// never is a wait that no test sits out.
const never = time.Hour

// entered counts who of some requests is inside.
func entered(waiters ...*waiter) int {
	inside := 0
	for _, w := range waiters {
		select {
		case <-w.admitted:
			inside++
		default:
		}
	}
	return inside
}

func TestAGateGivesNoSourceMoreThanHalf(t *testing.T) {
	g := newGate(8, 100, never)
	var flood []*waiter
	for range 20 {
		flood = append(flood, mustLine(t, g, "attacker", 1))
	}
	if got := entered(flood...); got != 4 {
		t.Errorf("%d requests of one source are inside, want 4 of a capacity of 8", got)
	}
	if good := mustLine(t, g, "api-server", 4); entered(good) != 1 {
		t.Error("another source does not get its half at once")
	}
}

func TestSourcesTakeTurns(t *testing.T) {
	g := newGate(2, 100, never)
	var order []string
	lines := map[string][]*waiter{}
	for range 3 {
		for _, source := range []string{"a", "b", "c"} {
			lines[source] = append(lines[source], mustLine(t, g, source, 1))
		}
	}
	// a and b are inside with one each: whoever leaves lets the next source in.
	for _, leaving := range []string{"a", "b", "c", "a", "b", "c", "a"} {
		before := map[string]int{}
		for source := range lines {
			before[source] = entered(lines[source]...)
		}
		g.leave(leaving, 1)
		for _, source := range []string{"a", "b", "c"} {
			if entered(lines[source]...) > before[source] {
				order = append(order, source)
			}
		}
	}
	if diff := cmp.Diff([]string{"c", "a", "b", "c", "a", "b", "c"}, order); diff != "" {
		t.Errorf("who is let in (-want +got):\n%s", diff)
	}
}

func TestWhatCostsMoreThanAShareCountsAsOne(t *testing.T) {
	g := newGate(10, 1, never)
	leave, err := g.enter(t.Context(), "a", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if g.used != 5 {
		t.Errorf("takes %d of 10, want 5", g.used)
	}
	leave()
	if g.used != 0 || len(g.held) != 0 || len(g.turns) != 0 || len(g.waiting) != 0 {
		t.Errorf("something is left behind: %+v", g)
	}
}

func TestAGateSendsAwayWhoeverWouldWaitTooLong(t *testing.T) {
	g := newGate(2, 1, time.Nanosecond)
	if _, err := g.enter(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := g.enter(t.Context(), "a", 1); !errors.Is(err, errBusy) {
		t.Errorf("got %v after the wait, want that it is busy", err)
	}
	if len(g.turns) != 0 || len(g.waiting) != 0 {
		t.Errorf("who was sent away still stands in line: %+v", g)
	}
	g.wait = never
	mustLine(t, g, "a", 1)
	if _, err := g.enter(t.Context(), "a", 1); !errors.Is(err, errBusy) {
		t.Errorf("got %v from a line that is full, want that it is busy", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.enter(gone, "b", 2); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v for who has gone away", err)
	}
}

func TestTheNewestOfASourceMayGoFirst(t *testing.T) {
	g := newGate(2, 10, never)
	g.newest = func(source string) bool { return source == "a" }
	mustLine(t, g, "a", 1)
	old, young := mustLine(t, g, "a", 1), mustLine(t, g, "a", 1)
	g.leave("a", 1)
	if entered(old) != 0 || entered(young) != 1 {
		t.Error("the older one goes first")
	}
}

// TestASourceThatRestsHoldsUpNoOther: its share stays taken, the capacity does not.
func TestASourceThatRestsHoldsUpNoOther(t *testing.T) {
	g := newGate(1, 10, never)
	mustLine(t, g, "attacker", 1)
	again, good := mustLine(t, g, "attacker", 1), mustLine(t, g, "api-server", 1)
	g.rest("attacker", 1, never)
	if entered(again) != 0 || entered(good) != 1 {
		t.Error("who rests goes on, or others wait for it")
	}
	g.leave("api-server", 1)
	if entered(again) != 0 {
		t.Error("who rests goes on")
	}

	brief := newGate(1, 10, never)
	mustLine(t, brief, "attacker", 1)
	brief.rest("attacker", 1, time.Nanosecond)
	select {
	case <-mustLine(t, brief, "attacker", 1).admitted:
	case <-time.After(patience):
		t.Error("who has rested never goes on")
	}
}

func TestWhoGoesAwayLetsTheNextIn(t *testing.T) {
	g := newGate(4, 10, never)
	mustLine(t, g, "a", 1)
	large := mustLine(t, g, "a", 2)
	small := mustLine(t, g, "a", 1)
	if entered(large, small) != 0 {
		t.Fatal("a source gets more than its share, or jumps its own line")
	}
	if !g.withdraw("a", large) || entered(small) != 1 {
		t.Error("who stood behind is not let in")
	}
	if g.withdraw("a", small) {
		t.Error("who is inside is withdrawn")
	}
}

func mustLine(t *testing.T, g *gate, source string, cost int64) *waiter {
	t.Helper()
	w, err := g.line(source, cost)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestAFullGateLooksAtNobody: a thousand addresses may wait, and each that comes would look at all of them.
func TestAFullGateLooksAtNobody(t *testing.T) {
	g := newGate(1, 10, patience)
	looks := 0
	g.newest = func(string) bool { looks++; return false }
	for i := range 1000 {
		if _, err := g.line(strconv.Itoa(i), 1); err != nil {
			t.Fatal(err)
		}
	}
	if looks != 1 {
		t.Errorf("looked at %d that wait for one that is let in", looks)
	}
}
