// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSummaryIsSinceItsFirstWordChanged(t *testing.T) {
	then, now := metav1.Unix(1000, 0), metav1.Time{Time: time.Unix(2000, 0)}
	for name, test := range map[string]struct {
		before Summary
		text   string
		want   Summary
	}{
		"the first one":           {Summary{}, "Complete", Summary{"Complete", &now}},
		"nothing changes":         {Summary{"Paused", &then}, "Paused", Summary{"Paused", &then}},
		"a number changes":        {Summary{"Rolling 1/3", &then}, "Rolling 2/3", Summary{"Rolling 2/3", &then}},
		"a cause turns up":        {Summary{"Rolling 1/3", &then}, "Rolling 1/3: ErrImagePull", Summary{"Rolling 1/3: ErrImagePull", &then}},
		"the cause changes":       {Summary{"Stalled: ErrImagePull", &then}, "Stalled: Unschedulable", Summary{"Stalled: Unschedulable", &then}},
		"it is something else":    {Summary{"Rolling 2/3", &then}, "Complete", Summary{"Complete", &now}},
		"a word that is longer":   {Summary{"Paused", &then}, "PausedForGood", Summary{"PausedForGood", &now}},
		"nobody noted since when": {Summary{"Complete", nil}, "Complete", Summary{"Complete", &now}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.before.Next(test.text, now)); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}
