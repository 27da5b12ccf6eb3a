// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An answer to a question that was asked before somebody came may miss what they have done before they came.
func TestNobodyGetsAnAnswerToAQuestionThatWasAskedBeforeTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, underWay, most := 0, 0, 0
		s := &shared[time.Time]{ask: func(context.Context) (time.Time, error) {
			asked++
			underWay++
			most = max(most, underWay)
			now := time.Now()
			time.Sleep(100 * time.Millisecond)
			underWay--
			return now, nil
		}}
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				came := time.Now()
				answer, err := s.get(t.Context())
				if err != nil || answer.Before(came) {
					t.Errorf("who came at %s got an answer of %s, error %v", came, answer, err)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if most != 1 || asked > 7 {
			t.Errorf("%d questions for 50 who came within 500 ms, %d at once; want 7 at most, one at a time", asked, most)
		}
	})
}

func TestAnErrorIsForThoseWhoAskedTogetherAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []error{errors.New("the API server is away"), nil}
		s := &shared[int]{}
		s.ask = func(context.Context) (int, error) {
			err := answers[0]
			answers = answers[1:]
			return 7, err
		}
		if _, err := s.get(t.Context()); err == nil {
			t.Error("the first one got no error")
		}
		if got, err := s.get(t.Context()); err != nil || got != 7 {
			t.Errorf("the second one got %d, %v", got, err)
		}
	})
}

func TestWhoeverGivesUpDoesNotTakeTheAnswerFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shared[int]{ask: func(ctx context.Context) (int, error) {
			time.Sleep(100 * time.Millisecond)
			return 7, ctx.Err()
		}}
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.get(impatient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who gives up after 1 ms gets %v", err)
			}
		})
		all.Go(func() {
			if got, err := s.get(t.Context()); err != nil || got != 7 {
				t.Errorf("who waits gets %d, %v", got, err)
			}
		})
		all.Wait()
		time.Sleep(time.Second) // let the question end inside the bubble
	})
}
