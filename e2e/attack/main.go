// SPDX-License-Identifier: Apache-2.0

// Command attack does to the port of the webhook what anybody can who reaches the Pod network, for a bounded time. The
// suites run it in Pods of a cluster made for tests; it must never be pointed at anything else.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// attack sends something once. It returns what came of it, in a word or two.
type attack func(ctx context.Context, t *target, turn int) string

// kinds are the attacks by name.
var kinds = map[string]attack{
	"large":      largeReview,  // more than any review may have
	"objects":    manyObjects,  // small text, much to decode
	"full":       fullReview,   // as large as is allowed, many at once
	"forged":     forgedReview, // of Pods of another namespace that nobody creates
	"malformed":  malformed,    // what is no review
	"handshakes": handshake,    // only the costly part of a connection
	"slow":       slowRequest,  // connections that never finish what they ask
}

// tally counts what came of the attacks of a kind.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[outcome]++
}

// wave is a kind, with so many who do it at once, so often in a second in all; 0 is as often as they can.
type wave struct {
	kind          string
	workers, rate int
}

// waves are a flag that is given once for each wave.
type waves []wave

func (w *waves) String() string { return fmt.Sprint(*w) }

func (w *waves) Set(text string) error {
	var one wave
	kind, numbers, _ := strings.Cut(text, ":")
	if _, err := fmt.Sscanf(numbers, "%d:%d", &one.workers, &one.rate); err != nil || kinds[kind] == nil || one.workers < 1 || one.rate < 0 {
		return fmt.Errorf("%q is not KIND:WORKERS:RATE, KIND being one of %s", text, strings.Join(names(), ", "))
	}
	one.kind = kind
	*w = append(*w, one)
	return nil
}

func main() {
	t := &target{}
	var all waves
	flag.Var(&all, "attack", "KIND:WORKERS:RATE, again for each kind: "+strings.Join(names(), ", ")+
		"; so many do it at once, RATE times a second together, 0 for as often as they can")
	duration := flag.Duration("for", 10*time.Second, "for how long, five minutes at most")
	flag.StringVar(&t.address, "address", "", "host:port of the webhook")
	flag.StringVar(&t.namespace, "victim-namespace", "default", "namespace of the Pods in forged reviews")
	flag.StringVar(&t.owner, "victim", "web", "StatefulSet of the Pods in forged reviews")
	flag.Parse()
	if err := run(t, all, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

func run(t *target, all waves, duration time.Duration) error {
	if len(all) == 0 || t.address == "" || duration > 5*time.Minute {
		return errors.New("name an -address, an -attack at least, and a time of five minutes at most")
	}
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	counts := map[string]map[string]int{}
	var wait sync.WaitGroup
	for _, one := range all {
		seen := &tally{counts: map[string]int{}}
		counts[one.kind] = seen.counts
		one.start(ctx, t, seen, &wait)
	}
	wait.Wait()
	return json.NewEncoder(os.Stdout).Encode(counts)
}

// start lets the workers of a wave go, until the context ends.
func (w wave) start(ctx context.Context, t *target, seen *tally, wait *sync.WaitGroup) {
	var turns <-chan time.Time
	if w.rate > 0 {
		turns = time.NewTicker(time.Second / time.Duration(w.rate)).C // one that nobody is free for is left out
	}
	for worker := range w.workers {
		wait.Go(func() {
			for turn := worker; isNext(ctx, turns); turn++ {
				outcome := kinds[w.kind](ctx, t, turn)
				if ctx.Err() == nil {
					seen.add(outcome)
				}
			}
		})
	}
}

// isNext waits for a turn, if these are bounded, and reports whether there is one.
func isNext(ctx context.Context, turns <-chan time.Time) bool {
	if turns == nil {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-turns:
		return true
	}
}

func names() []string { return slices.Sorted(maps.Keys(kinds)) }
