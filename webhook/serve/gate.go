// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// errBusy says that a gate has let nobody in for the time that one waits.
var errBusy = errors.New("too many requests are being answered; try again in a second")

// gate hands out a capacity. No source gets more than half of it, and sources that wait take turns, so that one that
// asks for much waits for itself alone.
type gate struct {
	capacity, share int64
	// queue is how many requests of one source may wait, and wait how long each.
	queue int
	wait  time.Duration
	// newest reports whether whoever of a source came last is let in, not first. Default: never.
	newest func(source string) bool

	mu   sync.Mutex
	used int64
	held map[string]int64
	// waiting are the requests that wait, by source; turns are the sources that have any, the next one first.
	waiting map[string][]*waiter
	turns   []string
}

// waiter is a request at a gate. admitted is closed when it is let in.
type waiter struct {
	cost     int64
	admitted chan struct{}
}

func newGate(capacity int64, queue int, wait time.Duration) *gate {
	return &gate{
		capacity: capacity, share: max(1, capacity/2), queue: queue, wait: wait,
		held: map[string]int64{}, waiting: map[string][]*waiter{},
	}
}

// enter waits for its turn and takes a part of the capacity; leave gives it back, and must be called once. What costs
// more than a source may have counts as all that it may have. It fails with errBusy, or when the context ends.
func (g *gate) enter(ctx context.Context, source string, cost int64) (leave func(), err error) {
	cost = max(1, min(cost, g.share))
	w, err := g.line(source, cost)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(g.wait)
	defer patience.Stop()
	select {
	case <-w.admitted:
		return func() { g.leave(source, cost) }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = errBusy
	}
	if g.withdraw(source, w) {
		return nil, err
	}
	return func() { g.leave(source, cost) }, nil // it was let in at this very moment
}

// line puts a request at the end of its source's line, and lets in whoever may.
func (g *gate) line(source string, cost int64) (*waiter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting[source]) >= g.queue {
		return nil, errBusy
	}
	w := &waiter{cost: cost, admitted: make(chan struct{})}
	if len(g.waiting[source]) == 0 {
		g.turns = append(g.turns, source)
	}
	g.waiting[source] = append(g.waiting[source], w)
	g.admit()
	return w, nil
}

func (g *gate) leave(source string, cost int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used -= cost
	g.giveBack(source, cost)
	g.admit()
}

// rest gives the capacity back at once, and what the source has of it after a while: it does not get its next turn
// before.
func (g *gate) rest(source string, cost int64, pause time.Duration) {
	g.mu.Lock()
	g.used -= cost
	g.admit()
	g.mu.Unlock()
	time.AfterFunc(pause, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.giveBack(source, cost)
		g.admit()
	})
}

func (g *gate) giveBack(source string, cost int64) {
	if g.held[source] -= cost; g.held[source] == 0 {
		delete(g.held, source)
	}
}

// withdraw takes a request out of its line. It returns false when it was let in.
func (g *gate) withdraw(source string, w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting[source], w)
	if i < 0 {
		return false
	}
	g.drop(source, i)
	g.admit() // whoever stood behind it may need less
	return true
}

// admit lets in one of each line in turn, for as long as one fits.
func (g *gate) admit() {
	for passed := 0; passed < len(g.turns) && g.used < g.capacity; { // while it is full, nobody is looked at
		source := g.turns[0]
		g.turns = append(g.turns[1:], source)
		next := 0
		if g.newest != nil && g.newest(source) {
			next = len(g.waiting[source]) - 1
		}
		w := g.waiting[source][next]
		if g.used+w.cost > g.capacity || g.held[source]+w.cost > g.share {
			passed++
			continue
		}
		g.used += w.cost
		g.held[source] += w.cost
		close(w.admitted)
		g.drop(source, next)
		passed = 0
	}
}

// drop removes one from a line, and a line that is empty.
func (g *gate) drop(source string, i int) {
	g.waiting[source] = slices.Delete(g.waiting[source], i, i+1)
	if len(g.waiting[source]) > 0 {
		return
	}
	delete(g.waiting, source)
	if turn := slices.Index(g.turns, source); turn >= 0 {
		g.turns = slices.Delete(g.turns, turn, turn+1)
	}
}
