// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Each carries actions out in their order, at most parallel at once, and at least one by one. It starts slowly, so that
// the API server is not met by all at once: with one, and with one more for each that is over, unless the API server says
// that it has too much to do. Nobody waits for the slowest: each action that is over lets the next one begin, until ctx
// has ended.
//
// One refused action does not stop the others, but a whole batch of 16 or more that fails does: what refuses so many, a
// quota most often, refuses the rest as well. The batches are the first action, the next two, the next four, and so on
// up to parallel. What comes after a batch of 16 or more begins only once one of that batch has succeeded, so nothing is
// tried after one that fails as a whole. That a node cannot give a resize says nothing of other nodes, and counts as a
// success here.
//
// done is called for one after the other, in their order, once all are over. It is not called for what did not begin.
func Each[T any](ctx context.Context, parallel int, actions []T, act func(context.Context, T) error, done func(T, error)) {
	errs, over := make([]error, len(actions)), make(chan int)
	s, begun := newSlowStart(parallel), 0
	for {
		for begun < len(actions) && ctx.Err() == nil && s.mayBegin() {
			i := begun
			begun++
			s.began()
			go func() {
				errs[i] = act(ctx, actions[i])
				over <- i
			}()
		}
		if s.running == 0 {
			break
		}
		i := <-over
		s.ended(i, errs[i])
	}
	for i := range begun {
		done(actions[i], errs[i])
	}
}

// givingUp is how many actions must fail together for the rest not to be tried.
const givingUp = 16

// slowStart decides when the next action may begin.
type slowStart struct {
	// parallel is how many may run at once in the end, width how many may now, and running how many do.
	parallel, width, running int
	// batchOf is the batch of each action that has begun, and batches are those.
	batchOf []int
	batches []batch
}

// batch is some actions that are judged together.
type batch struct {
	size, begun int
	// good tells that one of them has succeeded.
	good bool
}

func newSlowStart(parallel int) *slowStart {
	return &slowStart{parallel: max(1, parallel), width: 1, batches: []batch{{size: 1}}}
}

// mayBegin reports whether the next action may begin now.
func (s *slowStart) mayBegin() bool {
	if s.running >= s.width {
		return false
	}
	last := &s.batches[len(s.batches)-1]
	return last.begun < last.size || last.size < givingUp || last.good
}

// began counts an action that begins.
func (s *slowStart) began() {
	last := &s.batches[len(s.batches)-1]
	if last.begun == last.size {
		s.batches = append(s.batches, batch{size: min(2*last.size, s.parallel)})
		last = &s.batches[len(s.batches)-1]
	}
	last.begun++
	s.batchOf = append(s.batchOf, len(s.batches)-1)
	s.running++
}

// ended counts an action that is over, by its number. One that failed slowly, at a webhook that does not answer, is not to
// make the others wait one behind the other.
func (s *slowStart) ended(i int, err error) {
	s.running--
	if err == nil || NodeCannot(err) {
		s.batches[s.batchOf[i]].good = true
	}
	if !apierrors.IsTooManyRequests(err) {
		s.width = min(s.width+1, s.parallel)
	}
}
