// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDeadline(t *testing.T) {
	last := metav1.Unix(1000, 0)
	for name, test := range map[string]struct {
		after, left time.Duration
		over        bool
	}{
		"it has just begun":   {0, 10 * time.Minute, false},
		"a moment is left":    {10*time.Minute - time.Millisecond, time.Millisecond, false},
		"it has just run out": {10 * time.Minute, 0, true},
		"it is long over":     {time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			left, over := Deadline(600, last, last.Add(test.after))
			if left != test.left || over != test.over {
				t.Errorf("left %s, over %t; want %s, %t", left, over, test.left, test.over)
			}
		})
	}
}

func TestSoonestTakesZeroForNever(t *testing.T) {
	for name, test := range map[string]struct {
		spans []time.Duration
		want  time.Duration
	}{
		"nothing is due":   {nil, 0},
		"never":            {[]time.Duration{0, 0}, 0},
		"one of several":   {[]time.Duration{0, time.Minute, time.Second, 0}, time.Second},
		"the first is due": {[]time.Duration{time.Millisecond, time.Minute}, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Soonest(test.spans...)); diff != "" {
				t.Errorf("soonest (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStoredTimeIsNeverBeforeTheMoment(t *testing.T) {
	whole := metav1.Unix(1000, 0)
	for _, after := range []time.Duration{-time.Nanosecond, 0, time.Nanosecond - time.Second} {
		if got := WholeSecond(whole.Add(after)); !got.Equal(&whole) {
			t.Errorf("%s after a whole second is stored as %s", after, got)
		}
	}
}
