// SPDX-License-Identifier: Apache-2.0

package report

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Deadline compares the time since the last progress with a progress deadline in seconds. It returns how much is left
// of it, never less than 0, and whether it is over.
func Deadline(seconds int32, last metav1.Time, now time.Time) (left time.Duration, over bool) {
	left = time.Duration(seconds)*time.Second - now.Sub(last.Time)
	return max(0, left), left <= 0
}

// WholeSecond is a time rounded up to what a stored time can hold. The API server cuts fractions off, which would end a
// deadline before its time.
func WholeSecond(t time.Time) metav1.Time {
	return metav1.NewTime(t.Add(time.Second - time.Nanosecond).Truncate(time.Second))
}

// Soonest is the shortest of some spans, of which 0 means never.
func Soonest(spans ...time.Duration) time.Duration {
	var shortest time.Duration
	for _, span := range spans {
		if shortest == 0 || span != 0 && span < shortest {
			shortest = span
		}
	}
	return shortest
}
