// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// plainWorkers is how many requests of the plain client are on their way at a time.
const plainWorkers = 50

// Workers calls do for 0 to count-1, with so many calls at a time. It stops at the first error and returns it.
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
	return errs[0]
}

// told is how many errors All returns; further ones say the same.
const told = 3

// All is like Workers, but goes on after an error: it is for what takes something away.
func All(ctx context.Context, workers, count int, do func(ctx context.Context, i int) error) error {
	var (
		mu   sync.Mutex
		errs []error
	)
	err := Workers(ctx, workers, count, func(ctx context.Context, i int) error {
		if err := do(ctx, i); err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		}
		return nil
	})
	if more := len(errs) - told; more > 0 {
		errs = append(errs[:told], fmt.Errorf("and %d more errors", more))
	}
	return errors.Join(append(errs, err)...)
}
