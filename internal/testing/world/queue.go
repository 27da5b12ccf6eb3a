// SPDX-License-Identifier: Apache-2.0

package world

import (
	"errors"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	shortestRetry = 5 * time.Millisecond
	longestRetry  = time.Minute
)

// Queue is what a controller has still to look at, as controller-runtime keeps it: each request once, those that are
// due later by time, and those that failed after a while that doubles.
type Queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request] // nil: nobody asks for the rest
	Clock                                                   clock.PassiveClock

	ready    []reconcile.Request
	due      map[reconcile.Request]time.Time
	failures map[reconcile.Request]int
}

// NewQueue is empty.
func NewQueue(clock clock.PassiveClock) *Queue {
	return &Queue{Clock: clock, due: map[reconcile.Request]time.Time{}, failures: map[reconcile.Request]int{}}
}

// Add makes a request due now.
func (q *Queue) Add(r reconcile.Request) {
	if !slices.Contains(q.ready, r) {
		q.ready = append(q.ready, r)
	}
}

// AddAfter makes a request due after a while, or sooner if it is already.
func (q *Queue) AddAfter(r reconcile.Request, span time.Duration) {
	at := q.Clock.Now().Add(span)
	if before, ok := q.due[r]; !ok || at.Before(before) {
		q.due[r] = at
	}
}

// Ready are the requests that are due, by name: in what order a handler enqueues them may be left to chance.
func (q *Queue) Ready() []reconcile.Request {
	for r, at := range q.due {
		if !at.After(q.Clock.Now()) {
			delete(q.due, r)
			q.Add(r)
		}
	}
	slices.SortFunc(q.ready, func(a, b reconcile.Request) int { return strings.Compare(a.String(), b.String()) })
	return q.ready
}

// Next is when the next request is due that is not yet; false when there is none.
func (q *Queue) Next() (next time.Time, ok bool) {
	for _, at := range q.due {
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	return next, ok
}

// Take takes the i-th of the requests that are ready.
func (q *Queue) Take(i int) reconcile.Request {
	r := q.ready[i]
	q.ready = slices.Delete(q.ready, i, i+1)
	return r
}

// Finish says what became of a request that was taken.
func (q *Queue) Finish(r reconcile.Request, result reconcile.Result, err error) {
	switch {
	case errors.Is(err, reconcile.TerminalError(nil)):
	case err != nil:
		wait := min(shortestRetry<<min(q.failures[r], 20), longestRetry)
		q.failures[r]++
		q.AddAfter(r, wait)
		return
	case result.RequeueAfter > 0:
		q.AddAfter(r, result.RequeueAfter)
	}
	delete(q.failures, r)
}
