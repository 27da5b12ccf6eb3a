// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestGapsAreTheTimesForWhichPodsThatServedDidNot(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var changes []PodChange
	last := map[string]*corev1.Pod{}
	see := func(second int, name, uid string, ready corev1.ConditionStatus) {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid)}, Spec: corev1.PodSpec{NodeName: "n1"},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
		}
		changes = append(changes, PodChange{At: start.Add(time.Duration(second) * time.Second), Before: last[name], After: pod})
		last[name] = pod
	}
	const up, down = corev1.ConditionTrue, corev1.ConditionFalse
	see(0, "a", "a", down) // on its way up
	see(1, "a", "a", up)
	see(1, "b", "b", up)
	see(3, "b", "b", down)
	see(4, "a", "a", down)
	see(5, "a", "a", down)
	see(6, "a", "a", up)
	see(9, "b", "b", up)
	see(10, "a", "a", down) // it does not come back
	see(11, "c", "c", up)
	see(12, "c", "another", down)
	see(13, "c", "another", up)

	var got []string
	for _, g := range Gaps(changes) {
		got = append(got, g.Pod+" on "+g.Node+": "+g.Took().String())
	}
	if diff := cmp.Diff([]string{"b on n1: 6s", "a on n1: 2s"}, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestPercentileOfSpans(t *testing.T) {
	twenty := make([]time.Duration, 20)
	for i := range twenty {
		twenty[(i*7)%20] = time.Duration(i + 1)
	}
	for name, test := range map[string]struct {
		spans   []time.Duration
		percent int
		want    time.Duration
	}{
		"of none":                 {nil, 95, 0},
		"half":                    {twenty, 50, 10},
		"all but one of twenty":   {twenty, 95, 19},
		"the longest":             {twenty, 100, 20},
		"of one it is the one":    {twenty[:1], 95, 1},
		"no percent is the least": {twenty, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Percentile(test.spans, test.percent); got != test.want {
				t.Errorf("%d%% of the spans take %d at most, want %d", test.percent, got, test.want)
			}
		})
	}
}
