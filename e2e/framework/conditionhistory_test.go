// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStatusesThatConditionsHad(t *testing.T) {
	at := func(kind string, status metav1.ConditionStatus, second int64) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, LastTransitionTime: metav1.Unix(second, 0)}
	}
	tests := map[string]struct {
		seen [][]metav1.Condition
		want map[string][]metav1.ConditionStatus
	}{
		"what does not change is no change": {
			[][]metav1.Condition{{at("Ready", "True", 1)}, {at("Ready", "True", 1)}}, map[string][]metav1.ConditionStatus{},
		},
		"a condition comes and goes": {
			[][]metav1.Condition{{}, {at("Stalled", "True", 1)}, {}},
			map[string][]metav1.ConditionStatus{"Stalled": {"", "True", ""}},
		},
		"two change, one of them twice": {
			[][]metav1.Condition{
				{at("Ready", "True", 1), at("Progressing", "True", 1)}, {at("Ready", "False", 2), at("Progressing", "True", 1)},
				{at("Ready", "True", 3), at("Progressing", "False", 3)},
			},
			map[string][]metav1.ConditionStatus{"Ready": {"True", "False", "True"}, "Progressing": {"True", "False"}},
		},
		"a transition time that moves tells of a change that nobody saw": {
			[][]metav1.Condition{{at("Ready", "True", 1)}, {at("Ready", "True", 2)}},
			map[string][]metav1.ConditionStatus{"Ready": {"True", "True"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := &ConditionHistory{now: test.seen[0]}
			for _, conditions := range test.seen[1:] {
				h.note(time.Time{}, conditions)
			}
			if diff := cmp.Diff(test.want, Statuses(h.Changes())); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
		})
	}
}
