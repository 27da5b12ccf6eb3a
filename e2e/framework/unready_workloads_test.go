// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestUnreadyByWorkload(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	pod := func(name string, ready corev1.ConditionStatus) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{AppLabel: name[:1]}},
			Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
		}
	}
	at := func(second int, after *corev1.Pod) PodChange {
		return PodChange{At: start.Add(time.Duration(second) * time.Second), After: after}
	}
	gone := func(second int, before *corev1.Pod) PodChange {
		return PodChange{At: start.Add(time.Duration(second) * time.Second), Before: before}
	}
	leaving := pod("b1", corev1.ConditionTrue)
	leaving.DeletionTimestamp = &metav1.Time{Time: start}
	up, down := corev1.ConditionTrue, corev1.ConditionFalse

	for name, test := range map[string]struct {
		changes []PodChange
		want    map[string]*Unready
	}{
		"two of one workload at once, and each other workload by itself": {
			changes: []PodChange{
				at(0, pod("a1", up)), at(0, pod("a2", up)), at(0, pod("b1", up)),
				at(1, pod("a1", down)), at(2, pod("b1", down)), at(3, pod("a2", down)),
				at(4, pod("a2", up)), at(5, pod("a1", up)), at(5, pod("b1", up)),
			},
			want: map[string]*Unready{
				"a": {Most: 2, Longest: 4 * time.Second, LongestPod: "a1"},
				"b": {Most: 1, Longest: 3 * time.Second, LongestPod: "b1"},
			},
		},
		"one after the other": {
			changes: []PodChange{
				at(0, pod("a1", up)), at(0, pod("a2", up)),
				at(1, pod("a1", down)), at(2, pod("a1", down)), at(3, pod("a1", up)), at(3, pod("a2", down)), at(4, pod("a2", up)),
			},
			want: map[string]*Unready{"a": {Most: 1, Longest: 2 * time.Second, LongestPod: "a1"}},
		},
		"a Pod that never served is nobody's outage": {
			changes: []PodChange{at(0, pod("a1", down)), at(1, pod("a2", up)), at(5, pod("a1", up))},
			want:    map[string]*Unready{"a": {}},
		},
		"a Pod that is deleted is missed until another serves": {
			changes: []PodChange{
				at(0, pod("b1", up)), at(0, pod("b2", up)), at(1, leaving), gone(3, leaving),
				at(3, pod("b3", down)), at(4, pod("b2", down)), at(5, pod("b3", up)), at(6, pod("b2", up)),
			},
			want: map[string]*Unready{"b": {Most: 2, Longest: 2 * time.Second, LongestPod: "b2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := UnreadyByWorkload(test.changes, ByLabel(AppLabel))
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(Unready{}, "History")); diff != "" {
				t.Errorf("unready (-want +got):\n%s", diff)
			}
		})
	}
}
