// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is how often a condition that is waited for is looked at.
const pollInterval = 250 * time.Millisecond

// Until calls check until it returns nil. When it does not within the timeout, or the context ends, the error tells
// what was waited for and what the last call said.
func Until(ctx context.Context, timeout time.Duration, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // an error that the end of the context caused says nothing
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not after %s: %w", what, time.Since(began).Round(time.Second), last)
		case <-time.After(pollInterval):
		}
	}
}
