// SPDX-License-Identifier: Apache-2.0

package podready

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

const others = `[{"userAgent":"Lifecycle","key":"preUpdateHook"}]`

func podWith(status corev1.ConditionStatus, message string, since time.Time) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: v1beta1.KruisePodReadyCondition, Status: status, Message: message, LastTransitionTime: metav1.NewTime(since),
	}}}}
}

func TestWhatHoldsAPod(t *testing.T) {
	before, now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 1, 0, 0, time.UTC)
	mesh := OfSidecarSet("mesh")
	type result struct {
		Status  corev1.ConditionStatus
		Message string
		Since   time.Time
		Differs bool
	}
	take := func(pod *corev1.Pod) []Hold { return With(pod, mesh) }
	leave := func(pod *corev1.Pod) []Hold { return Without(pod, func(h Hold) bool { return h == mesh }) }
	for name, test := range map[string]struct {
		pod   *corev1.Pod
		holds func(*corev1.Pod) []Hold
		want  result
	}{
		"the first one takes it out of service": {
			podWith(corev1.ConditionTrue, "", before), take,
			result{corev1.ConditionFalse, `[{"userAgent":"SidecarSet","key":"mesh"}]`, now, true},
		},
		"a Pod that has no such condition yet": {
			&corev1.Pod{}, take, result{corev1.ConditionFalse, `[{"userAgent":"SidecarSet","key":"mesh"}]`, now, true},
		},
		"the next one comes beside it, and since when it is held stays": {
			podWith(corev1.ConditionFalse, others, before), take,
			result{corev1.ConditionFalse, `[{"userAgent":"Lifecycle","key":"preUpdateHook"},{"userAgent":"SidecarSet","key":"mesh"}]`, before, true},
		},
		"a hold is taken once": {
			podWith(corev1.ConditionFalse, `[{"userAgent":"SidecarSet","key":"mesh"}]`, before), take,
			result{corev1.ConditionFalse, `[{"userAgent":"SidecarSet","key":"mesh"}]`, before, false},
		},
		"what others hold it for stays": {
			podWith(corev1.ConditionFalse, `[{"userAgent":"SidecarSet","key":"mesh"},{"userAgent":"SidecarSet","key":"logs"}]`, before), leave,
			result{corev1.ConditionFalse, `[{"userAgent":"SidecarSet","key":"logs"}]`, before, true},
		},
		"the last one brings it back": {
			podWith(corev1.ConditionFalse, `[{"userAgent":"SidecarSet","key":"mesh"}]`, before), leave,
			result{corev1.ConditionTrue, "", now, true},
		},
		"what cannot be read holds nothing": {
			podWith(corev1.ConditionFalse, `held by me`, before), leave, result{corev1.ConditionTrue, "", now, true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := Condition(test.pod, test.holds(test.pod), metav1.NewTime(now))
			got := result{c.Status, c.Message, c.LastTransitionTime.Time, Differs(test.pod, c)}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlySidecarSetsAreNamed(t *testing.T) {
	pod := podWith(corev1.ConditionFalse, `[{"userAgent":"SidecarSet","key":"mesh"},{"userAgent":"Other","key":"logs"}]`, time.Time{})
	if diff := cmp.Diff([]string{"mesh"}, SidecarSets(pod)); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}
