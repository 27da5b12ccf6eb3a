// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// A node writes the time by its own clock. One that is ahead must not take Pods out of the count until we have caught
// up with it.
func TestTheClockOfANodeIsAhead(t *testing.T) {
	for name, test := range map[string]struct {
		minReadySeconds int32
		ahead           time.Duration
		wantIn          time.Duration
	}{
		"a Ready Pod is available where nothing is to be waited for": {0, time.Hour, 0},
		"minReadySeconds count by the two clocks":                    {30, 5 * time.Second, 35 * time.Second},
		"one that has been Ready for long is available":              {30, -time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, web().Spec(func(spec *v1beta1.StatefulSetSpec) { spec.MinReadySeconds = test.minReadySeconds }))
			w.changePod("web-2", func(pod *corev1.Pod) {
				pods.Condition(pod, corev1.PodReady).LastTransitionTime = metav1.NewTime(w.Now().Add(test.ahead))
			})
			w.cache.Sync()
			view := w.snapshot().Pods[2]
			if diff := cmp.Diff(test.wantIn, view.AvailableIn); diff != "" {
				t.Errorf("time until it is available (-want +got):\n%s", diff)
			}
			if want := test.wantIn == 0; view.Available != want {
				t.Errorf("available: %v, want %v", view.Available, want)
			}
		})
	}
}
