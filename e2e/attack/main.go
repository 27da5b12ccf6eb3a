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

// tally counts what came of the attacks.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[outcome]++
}

func main() {
	t := &target{}
	kind := flag.String("kind", "", "what to do: "+strings.Join(names(), ", "))
	workers := flag.Int("workers", 20, "how many do it at once")
	duration := flag.Duration("for", 10*time.Second, "for how long, five minutes at most")
	flag.StringVar(&t.address, "address", "", "host:port of the webhook")
	flag.StringVar(&t.namespace, "victim-namespace", "default", "namespace of the Pods in forged reviews")
	flag.StringVar(&t.owner, "victim", "web", "StatefulSet of the Pods in forged reviews")
	flag.Parse()
	if err := run(t, *kind, *workers, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

func run(t *target, kind string, workers int, duration time.Duration) error {
	once, known := kinds[kind]
	if !known || t.address == "" || duration > 5*time.Minute {
		return errors.New("name an -address, a -kind that there is, and a time of five minutes at most")
	}
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	seen := &tally{counts: map[string]int{}}
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for turn := worker; ctx.Err() == nil; turn++ {
				outcome := once(ctx, t, turn)
				if ctx.Err() == nil {
					seen.add(outcome)
				}
			}
		})
	}
	wait.Wait()
	return json.NewEncoder(os.Stdout).Encode(seen.counts)
}

func names() []string {
	var all []string
	for name := range kinds {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
