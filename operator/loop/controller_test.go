// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// What is refused is tried again within a minute, however often it was refused before.
func TestNoRetryWaitsForLongerThanAMinute(t *testing.T) {
	limiter := options(1).RateLimiter
	var longest time.Duration
	for range 50 {
		longest = max(longest, limiter.When(reconcile.Request{}))
	}
	if diff := cmp.Diff(time.Minute, longest); diff != "" {
		t.Errorf("longest wait (-want +got):\n%s", diff)
	}
}
