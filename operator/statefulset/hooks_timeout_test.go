// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// timedHook marks Pods, and has 30 s for its work.
func timedHook() v1beta1.LifecycleHook {
	h := hook()
	h.MarkPodNotReady, h.TimeoutSeconds = true, ptr.To[int32](30)
	return h
}

func images(w *world) map[string]string {
	out := map[string]string{}
	for _, pod := range w.Pods() {
		out[pod.Name] = pod.Spec.Containers[0].Image
	}
	return out
}

// now lets everything happen that needs no time.
func now(w *world) {
	for range 100 {
		wrote, _ := w.pass()
		if done := w.nodes(); !wrote && !done {
			return
		}
	}
	w.T.Fatalf("it does not come to rest\n%s", w.tail())
}

// Nobody waits for ever for a program that is broken: the Pod serves on, and the others go.
func TestAHookThatDoesNotLetGoInTime(t *testing.T) {
	w := settled(t, web().Replicas(2).InPlace().InPlaceUpdate(timedHook()))
	w.hold(finalizer, "web-1")
	w.image("app:2")
	now(w)
	w.Pass(29 * time.Second)
	now(w)
	if pod := w.pod("web-1"); pods.Ready(pod) || images(w)["web-0"] != "app:1" {
		t.Fatalf("web-1 serves %t, images %v, want it to wait for its hook\n%s", pods.Ready(pod), images(w), w.tail())
	}
	w.Pass(time.Second)
	now(w)
	if diff := cmp.Diff(map[string]string{"web-0": "app:2", "web-1": "app:1"}, images(w)); diff != "" || !pods.Ready(w.pod("web-1")) {
		t.Fatalf("web-1 serves %t, images (-want +got):\n%s\n%s", pods.Ready(w.pod("web-1")), diff, w.tail())
	}
	w.Pass(10*time.Minute - 5*time.Second)
	now(w)
	if !pods.Ready(w.pod("web-1")) {
		t.Errorf("it is asked again before 10 min are over\n%s", w.tail())
	}
	w.Pass(time.Minute)
	now(w)
	if pods.Ready(w.pod("web-1")) {
		t.Errorf("it is not asked again\n%s", w.tail())
	}
	w.letGo(finalizer, "web-1")
	now(w)
	if images(w)["web-1"] != "app:2" {
		t.Errorf("images %v\n%s", images(w), w.tail())
	}
}

// A Pod that its hook does not take hold of again counts as available after the timeout.
func TestAHookThatDoesNotTakeHoldAgainInTime(t *testing.T) {
	w := settled(t, web().Replicas(2).InPlace().InPlaceUpdate(timedHook()))
	w.image("app:2")
	now(w)
	if images(w)["web-0"] != "app:1" {
		t.Fatalf("web-0 did not wait for web-1\n%s", w.tail())
	}
	w.Pass(31 * time.Second)
	now(w)
	if diff := cmp.Diff(map[string]string{"web-0": "app:2", "web-1": "app:2"}, images(w)); diff != "" {
		t.Errorf("images (-want +got):\n%s\n%s", diff, w.tail())
	}
}

func TestHowLongAHookIsOverdue(t *testing.T) {
	at := build.Epoch.Add(time.Hour)
	pod := func(state v1beta1.LifecycleStateType, held bool, since string) *corev1.Pod {
		pod := build.MakePod("web-0").Label(v1beta1.LifecycleStateLabel, string(state)).Annotation(v1beta1.LifecycleTimestampAnnotation, since).Obj()
		if held {
			pod.Finalizers = []string{finalizer}
		}
		return pod
	}
	minuteAgo := at.Add(-time.Minute).Format(time.RFC3339)
	type result struct {
		By    time.Duration
		Waits bool
	}
	untimed := hook()
	for name, test := range map[string]struct {
		hook v1beta1.LifecycleHook
		pod  *corev1.Pod
		want result
	}{
		"it is to let go":               {timedHook(), pod("PreparingUpdate", true, minuteAgo), result{30 * time.Second, true}},
		"it has let go":                 {timedHook(), pod("PreparingUpdate", false, minuteAgo), result{}},
		"it is to take hold again":      {timedHook(), pod("Updated", false, minuteAgo), result{30 * time.Second, true}},
		"it has hold again":             {timedHook(), pod("Updated", true, minuteAgo), result{}},
		"it is asked nothing":           {timedHook(), pod("Normal", true, minuteAgo), result{}},
		"a hook without a timeout":      {untimed, pod("PreparingUpdate", true, minuteAgo), result{}},
		"nobody knows since when it is": {timedHook(), pod("PreparingUpdate", true, "yesterday"), result{math.MaxInt64 - 30*time.Second, true}},
		"it is so since a time to come": {timedHook(), pod("PreparingUpdate", true, "2199-01-01T00:00:00Z"), result{math.MaxInt64 - 30*time.Second, true}},
	} {
		t.Run(name, func(t *testing.T) {
			by, waits := overdue(web().InPlaceUpdate(test.hook).Obj(), test.pod, at)
			if diff := cmp.Diff(test.want, result{by, waits}); diff != "" {
				t.Errorf("overdue (-want +got):\n%s", diff)
			}
		})
	}
}

// What a Pod says of when it entered a state may be anybody's. It is written anew, so that the timeout comes.
func TestATimeThatNobodyCanReadIsWrittenAnew(t *testing.T) {
	for _, since := range []string{"yesterday", "2199-01-01T00:00:00Z"} {
		w := settled(t, web().Replicas(2).InPlace().InPlaceUpdate(timedHook()))
		w.hold(finalizer, "web-1")
		w.image("app:2")
		now(w)
		w.changePod("web-1", func(pod *corev1.Pod) { pod.Annotations[v1beta1.LifecycleTimestampAnnotation] = since })
		now(w)
		w.Pass(31 * time.Second)
		now(w)
		if diff := cmp.Diff(map[string]string{"web-0": "app:2", "web-1": "app:1"}, images(w)); diff != "" {
			t.Errorf("%s: images (-want +got):\n%s\n%s", since, diff, w.tail())
		}
	}
}
