// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestEveryActionIsCarriedOutHoweverFewMayBeAtOnce(t *testing.T) {
	for _, parallel := range []int{-1, 0, 1, 2, 64} {
		n := 0
		Each(t.Context(), parallel, make([]int, 7), func(context.Context, int) error { return nil }, func(int, error) { n++ })
		if n != 7 {
			t.Errorf("with %d at once %d of 7 actions were carried out", parallel, n)
		}
	}
}

func TestABatchThatFailsAsAWholeEndsTheRound(t *testing.T) {
	refused := errors.New("the quota is exceeded")
	for name, test := range map[string]struct {
		fails func(int) bool
		want  int
	}{
		"all are refused":          {func(int) bool { return true }, 1 + 2 + 4 + 8 + 16},
		"every other one is":       {func(i int) bool { return i%2 == 0 }, 1000},
		"only the first ones are":  {func(i int) bool { return i < 15 }, 1000},
		"the first of a batch are": {func(i int) bool { return i < 20 }, 1000},
		"all but the first ones":   {func(i int) bool { return i >= 127 }, 127 + 64},
	} {
		t.Run(name, func(t *testing.T) {
			actions := make([]int, 1000)
			for i := range actions {
				actions[i] = i
			}
			tried := 0
			Each(t.Context(), 64, actions, func(_ context.Context, i int) error {
				if test.fails(i) {
					return refused
				}
				return nil
			}, func(int, error) { tried++ })
			if tried != test.want {
				t.Errorf("tried %d, want %d", tried, test.want)
			}
		})
	}
}

func TestWhatNodesCannotGiveDoesNotEndTheRound(t *testing.T) {
	tooBig := &apierrors.StatusError{ErrStatus: metav1.Status{
		Reason: metav1.StatusReasonForbidden, Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "NodeCapacity"}}},
	}}
	tried := 0
	Each(t.Context(), 64, make([]int, 100), func(context.Context, int) error { return tooBig }, func(int, error) { tried++ })
	if tried != 100 {
		t.Errorf("tried %d of 100", tried)
	}
}

// numbers are actions that are told apart.
func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestNobodyWaitsForTheSlowest(t *testing.T) {
	others := make(chan struct{})
	var mu sync.Mutex
	left := 999
	tried := 0
	Each(t.Context(), 2, numbers(1000), func(_ context.Context, i int) error {
		if i == 1 {
			<-others // it is over once all others are
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			close(others)
		}
		return nil
	}, func(int, error) { tried++ })
	if tried != 1000 {
		t.Errorf("carried out %d, want 1000", tried)
	}
}

// gauge counts how many actions run at once.
type gauge struct {
	mu                    sync.Mutex
	running, good, most   int
	faster, beyond        bool
	parallel, togetherFor int
	together              chan struct{}
}

// enter counts one in. With togetherFor it waits there until parallel of them run at once, or ctx ends.
func (g *gauge) enter(ctx context.Context, i int) {
	g.mu.Lock()
	g.running++
	g.most = max(g.most, g.running)
	g.faster = g.faster || g.running > 1+g.good
	g.beyond = g.beyond || g.running > g.parallel
	if g.running == g.parallel && i >= g.togetherFor {
		close(g.together)
		g.togetherFor = 1 << 30
	}
	g.mu.Unlock()
	if i >= 100 && i < 100+g.parallel {
		select {
		case <-g.together:
		case <-ctx.Done():
		}
	}
}

func (g *gauge) leave(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if err == nil {
		g.good++
	}
	return err
}

func TestItStartsSlowlyAndUsesAllItMay(t *testing.T) {
	g := &gauge{parallel: 8, togetherFor: 100, together: make(chan struct{})}
	Each(t.Context(), g.parallel, numbers(200), func(ctx context.Context, i int) error {
		g.enter(ctx, i)
		return g.leave(nil)
	}, func(int, error) {})
	if g.faster || g.beyond || g.most != g.parallel {
		t.Errorf("at most %d at once, want %d; more than one for each success and one: %t; more than may: %t", g.most, g.parallel, g.faster, g.beyond)
	}
}

func TestAnAPIServerWithTooMuchToDoIsNotAskedMoreAtOnce(t *testing.T) {
	g := &gauge{parallel: 64, togetherFor: 1 << 30}
	Each(t.Context(), g.parallel, numbers(31), func(ctx context.Context, _ int) error {
		g.enter(ctx, 0)
		return g.leave(Wrap(apierrors.NewTooManyRequests("later", 1), "create Pod"))
	}, func(int, error) {})
	if g.most != 1 {
		t.Errorf("%d at once although the API server has too much to do, want 1", g.most)
	}
}

func TestWhatFailsSlowlyFailsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		Each(t.Context(), 64, numbers(100), func(context.Context, int) error {
			time.Sleep(10 * time.Second)
			return errors.New("a webhook does not answer")
		}, func(int, error) {})
		// Batches of 1, 2, 4, 8 and 16 one after the other would take as long.
		if took := time.Since(began); took > 50*time.Second {
			t.Errorf("a worker was held for %s", took)
		}
	})
}

func TestOutcomesComeInOrder(t *testing.T) {
	odd := errors.New("odd")
	var got []int
	Each(t.Context(), 16, numbers(100), func(_ context.Context, i int) error {
		if i%2 == 1 {
			return odd
		}
		return nil
	}, func(i int, err error) {
		if (err != nil) != (i%2 == 1) {
			t.Errorf("action %d has error %v", i, err)
		}
		got = append(got, i)
	})
	if !slices.Equal(got, numbers(100)) {
		t.Errorf("outcomes of %v, want all in order", got)
	}
}

func TestNothingBeginsOnceTheContextHasEnded(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	var mu sync.Mutex
	var tried, told []int
	Each(ctx, 4, numbers(100), func(_ context.Context, i int) error {
		mu.Lock()
		defer mu.Unlock()
		if tried = append(tried, i); i == 9 {
			end()
		}
		return nil
	}, func(i int, _ error) { told = append(told, i) })
	if slices.Sort(tried); !slices.Equal(tried, told) || len(told) < 10 || len(told) > 9+4 {
		t.Errorf("carried out %v and told of %v, want the same, and none that began after the end", tried, told)
	}
}
