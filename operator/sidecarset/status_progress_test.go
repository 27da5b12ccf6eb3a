// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// Stored times have no fractions of a second; a deadline that runs from one must not be over early for that.
func TestTimesOfProgressAreRoundedUp(t *testing.T) {
	whole := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ at, want time.Time }{
		"a whole second stays":        {whole, whole},
		"a fraction becomes a second": {whole.Add(time.Nanosecond), whole.Add(time.Second)},
		"also a large one":            {whole.Add(999 * time.Millisecond), whole.Add(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 1, build.MakeSidecarSet("s")).image("agent:2")
			w.now = test.at
			s := w.snapshot()
			plan, err := makePlan(s)
			if err != nil {
				t.Fatal(err)
			}
			status, _ := makeStatus(s, plan, &Outcome{Updated: plan.Updates})
			if diff := cmp.Diff(test.want, status.LastProgressTime.Time); diff != "" {
				t.Errorf("last progress (-want +got):\n%s", diff)
			}
		})
	}
}
