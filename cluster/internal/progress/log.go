// SPDX-License-Identifier: Apache-2.0

// Package progress tells the person who waits what is happening, as it happens.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Log prints steps with the seconds that have passed since it was made. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

// New starts the clock.
func New(out io.Writer) *Log { return &Log{out: out, start: time.Now()} }

// Step prints one line.
func (l *Log) Step(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "[%6.1fs] %s\n", time.Since(l.start).Seconds(), fmt.Sprintf(format, args...))
}

// While runs something slow and repeats a message every half minute until it is done.
func (l *Log) While(message string, slow func()) {
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		ticker := time.NewTicker(30 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				l.Step("%s", message)
			}
		}
	})
	slow()
	close(done)
	wait.Wait()
}
