// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/measured"
	"github.com/windlass-operator/windlass/operator/loop"
)

func TestWaitingPodsAreCountedByReason(t *testing.T) {
	set := build.MakeSidecarSet("counted").Obj()
	expect := func(when string, want map[string]float64, waiting ...v1beta1.WaitingPods) {
		t.Helper()
		observeStatus(statusReport(set, &v1beta1.SidecarSetStatus{Waiting: waiting}), false, time.Unix(0, 0))
		if diff := cmp.Diff(want, measured.Series(t, "windlass_sidecarset_waiting_pods")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	three, one := v1beta1.WaitingPods{Reason: v1beta1.WaitingMaxUnavailable, Pods: 3}, v1beta1.WaitingPods{Reason: v1beta1.WaitingTopology, Pods: 1}
	expect("two reasons", map[string]float64{`reason="MaxUnavailable",sidecarset="counted"`: 3, `reason="Topology",sidecarset="counted"`: 1}, three, one)
	expect("one is gone", map[string]float64{`reason="Topology",sidecarset="counted"`: 1}, one)
	expect("nobody waits", map[string]float64{})
	objects.Forget(client.ObjectKeyFromObject(set))
}

func TestPodsAreCountedByState(t *testing.T) {
	w := newRollout(t, 3, build.MakeSidecarSet("s").MaxUnavailable("1")).image("agent:2")
	optedOut := build.MakePod("out").Label("app", "web").Label(v1beta1.SidecarInjectionKey, "false").Created(time.Second).Obj()
	late := build.MakePod("late").Label("app", "web").Created(time.Second).Obj()
	w.pods = append(w.pods, []*corev1.Pod{optedOut, late}...)
	plan := w.plan()
	s, outcome := w.snapshotOf(plan), &Outcome{Updated: plan.Updates}
	want := map[string]int{"matched": 3, "updated": 1, "ready": 2, "updated_ready": 0, "uninjected": 1, "waiting": 2, "limited": 0}
	if diff := cmp.Diff(want, makeReport(s, plan, outcome).Pods); diff != "" {
		t.Errorf("Pods by state (-want +got):\n%s", diff)
	}
}

func TestASetThatIsGoneLeavesNoSeries(t *testing.T) {
	const name = "gone"
	set := build.MakeSidecarSet(name).Obj()
	r := statusReport(set, &v1beta1.SidecarSetStatus{
		PausedSince: &metav1.Time{}, Waiting: []v1beta1.WaitingPods{{Reason: v1beta1.WaitingTopology, Pods: 1}},
		Conditions: []metav1.Condition{{Type: v1beta1.ConditionStalled, Status: metav1.ConditionTrue}},
	})
	r.Pods = map[string]int{"matched": 1}
	observeStatus(r, true, time.Unix(0, 0))
	had := []string{
		"windlass_sidecarset_paused_timestamp_seconds", "windlass_sidecarset_pods", "windlass_sidecarset_stalled", "windlass_sidecarset_waiting_pods",
	}
	if diff := cmp.Diff(had, measured.About(t, name)); diff != "" {
		t.Errorf("metrics of the set (-want +got):\n%s", diff)
	}
	controller := New(loop.Cluster{
		Client: build.EmptyCluster{}, Live: build.EmptyCluster{}, Clock: clock.RealClock{}, Recorder: events.NewFakeRecorder(1),
	}, Options{})
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(set)}); err != nil {
		t.Fatal(err)
	}
	if left := measured.About(t, name); len(left) > 0 {
		t.Errorf("series are left in %v", left)
	}
}
