// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// What is refused is tried again within a minute, however often it was refused before.
func TestNoRetryWaitsForLongerThanAMinute(t *testing.T) {
	limiter := options(1, nil).RateLimiter
	var longest time.Duration
	for range 50 {
		longest = max(longest, limiter.When(reconcile.Request{}))
	}
	if diff := cmp.Diff(time.Minute, longest); diff != "" {
		t.Errorf("longest wait (-want +got):\n%s", diff)
	}
}

// An object that fails again and again would otherwise be tried again as often as it may be looked at.
func TestALookThatIsHeldBackEndsNoRowOfFailures(t *testing.T) {
	f, request := newFixture(Options{LookEvery: time.Second}), reconcile.Request{NamespacedName: key}
	f.gather = func(context.Context, *snapshot) (*snapshot, error) { return nil, errors.New("no cache") }
	limiter := options(1, f.loop).RateLimiter
	var waits []time.Duration
	for range 3 {
		f.look() // fails
		waits = append(waits, limiter.When(request))
		f.look() // is held back
		limiter.Forget(request)
		f.pass(time.Second)
	}
	f.gather = nil
	f.look() // succeeds
	limiter.Forget(request)
	waits = append(waits, limiter.When(request))
	if diff := cmp.Diff([]time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 5 * time.Millisecond}, waits); diff != "" {
		t.Errorf("waits for the next retry (-want +got):\n%s", diff)
	}
}
