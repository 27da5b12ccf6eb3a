// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"sync"
)

// shared asks a question for many at once. Everybody gets an answer to a question that was asked after they came: who
// comes while one is under way shares the next one with all others who do. There is never more than one under way.
type shared[T any] struct {
	ask func(ctx context.Context) (T, error)

	mu    sync.Mutex
	busy  bool
	queue *question[T]
}

// question is asked once, for all that hold it.
type question[T any] struct {
	done   chan struct{}
	answer T
	err    error
}

// get returns an answer that is no older than the call.
func (s *shared[T]) get(ctx context.Context) (T, error) {
	q := s.join()
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// join returns the question that is asked next.
func (s *shared[T]) join() *question[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		s.queue = &question[T]{done: make(chan struct{})}
	}
	q := s.queue
	if !s.busy {
		s.busy = true
		go s.work()
	}
	return q
}

// work asks until nobody waits. A question has its own time limit: whoever came first may be gone when it is answered,
// and others wait still.
func (s *shared[T]) work() {
	for q := s.take(); q != nil; q = s.take() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		q.answer, q.err = s.ask(ctx)
		cancel()
		close(q.done)
	}
}

// take closes the queue behind the next question; nil when there is none.
func (s *shared[T]) take() *question[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	s.queue, s.busy = nil, q != nil
	return q
}
