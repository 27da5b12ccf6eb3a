// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/operator/report"
)

func TestWhatTakesLongIsLookedAtLessOften(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ took, want time.Duration }{
		"a small set is never held back":       {20 * time.Millisecond, 0},
		"a large one rests after each look":    {100 * time.Millisecond, 400 * time.Millisecond},
		"a busy machine holds nobody for long": {time.Minute, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			duty, web, db := report.NewDuty(), types.NamespacedName{Name: "web"}, types.NamespacedName{Name: "db"}
			duty.Note(web, test.took, now)
			if got := duty.Wait(web, now); got != test.want {
				t.Errorf("the next look waits %s, want %s", got, test.want)
			}
			if got := duty.Wait(web, now.Add(test.want)); got != 0 {
				t.Errorf("it still waits %s then", got)
			}
			if got := duty.Wait(db, now); got != 0 {
				t.Errorf("another set waits %s", got)
			}
			duty.Note(web, 0, now)
			if got := duty.Wait(web, now); got != 0 {
				t.Errorf("after a short look it waits %s", got)
			}
		})
	}
}
