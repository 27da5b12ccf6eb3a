// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"math"
	"testing"
	"time"

	"github.com/windlass-operator/windlass/internal/lifecycle"
)

func TestSince(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		recorded time.Time
		want     time.Duration
	}{
		"a while ago":                        {now.Add(-time.Hour), time.Hour},
		"another operator's clock is before": {now.Add(time.Minute), -time.Minute},
		"a time to come":                     {now.Add(time.Minute + 1), math.MaxInt64},
		"no time":                            {time.Time{}, math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lifecycle.Since(test.recorded, now); got != test.want {
				t.Errorf("%s ago, want %s", got, test.want)
			}
		})
	}
}
