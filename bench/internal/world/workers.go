// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"sync"
)

// plainWorkers is how many requests of the plain client are on their way at a time.
const plainWorkers = 50

// Workers calls do for 0 to count-1, with so many calls at a time. It stops at the first error and returns all there are.
func Workers(ctx context.Context, workers, count int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	numbers := make(chan int)
	for range min(workers, count) {
		wait.Go(func() {
			for i := range numbers {
				if err := do(ctx, i); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					cancel()
				}
			}
		})
	}
	for i := 0; i < count && ctx.Err() == nil; i++ {
		select {
		case numbers <- i:
		case <-ctx.Done():
		}
	}
	close(numbers)
	wait.Wait()
	if len(errs) == 0 {
		return context.Cause(ctx)
	}
	return errors.Join(errs[0])
}
