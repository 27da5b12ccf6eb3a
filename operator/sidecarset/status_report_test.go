// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/operator/report"
)

func TestWhenToLookAgainThoughNothingHappens(t *testing.T) {
	for name, test := range map[string]struct {
		deadline time.Duration
		plan     Plan
		outcome  Outcome
		want     time.Duration
	}{
		"never, when nothing is held up":                     {0, Plan{}, Outcome{}, 0},
		"when the progress deadline is over":                 {91 * time.Second, Plan{}, Outcome{}, 91 * time.Second},
		"when the next eviction may be tried":                {0, Plan{RepairIn: time.Minute}, Outcome{}, time.Minute},
		"soon, when a PodDisruptionBudget stands in its way": {0, Plan{}, Outcome{Kept: make([]TriedEviction, 2)}, 10 * time.Second},
		"at what comes first":                                {90 * time.Second, Plan{}, Outcome{Kept: make([]TriedEviction, 2)}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got := report.Soonest(test.deadline, repairIn(&test.plan, &test.outcome))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("wait (-want +got):\n%s", diff)
			}
		})
	}
}
