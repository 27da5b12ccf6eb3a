// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// settling is a rollout of two Pods with minReadySeconds 30 whose web-1 was updated and serves since now.
func settling(t *testing.T) *rollout {
	t.Helper()
	w := newRollout(t, 2, build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.MinReadySeconds = 30 })).image("agent:2")
	carryOut(w.plan())
	build.SetReady(w.pods[1], false, w.now)
	w.now = w.now.Add(5 * time.Second)
	w.starts(1)
	build.SetReady(w.pods[1], true, w.now)
	return w
}

// starts has the containers of a Pod start now.
func (w *rollout) starts(i int) {
	build.RunContainers(w.pods[i])
	for j := range w.pods[i].Status.ContainerStatuses {
		w.pods[i].Status.ContainerStatuses[j].State.Running.StartedAt = metav1.NewTime(w.now)
	}
}

func TestAShareComesBackAfterMinReadySeconds(t *testing.T) {
	for name, test := range map[string]struct {
		play  func(w *rollout)
		goes  bool
		ready int32
		in    time.Duration
	}{
		"at once":           {func(*rollout) {}, false, 1, 30 * time.Second},
		"a second too soon": {func(w *rollout) { w.now = w.now.Add(29 * time.Second) }, false, 1, time.Second},
		"in time":           {func(w *rollout) { w.now = w.now.Add(30 * time.Second) }, true, 2, 0},
		"a restart of a sidecar begins it anew": {func(w *rollout) {
			w.now = w.now.Add(29 * time.Second)
			w.starts(1)
			w.now = w.now.Add(29 * time.Second)
		}, false, 1, time.Second},
		"a Pod that becomes ready later": {func(w *rollout) {
			w.now = w.now.Add(20 * time.Second)
			build.SetReady(w.pods[1], false, w.now)
			build.SetReady(w.pods[1], true, w.now)
			w.now = w.now.Add(20 * time.Second)
		}, false, 1, 10 * time.Second},
		"one that becomes ready much later was not ready for reasons of its own": {func(w *rollout) {
			w.now = w.now.Add(time.Hour)
			build.SetReady(w.pods[1], false, w.now)
			build.SetReady(w.pods[1], true, w.now)
		}, true, 2, 0},
		"one that fails before its time is the set's doing": {func(w *rollout) {
			w.now = w.now.Add(25 * time.Second)
			build.SetReady(w.pods[1], false, w.now)
			w.now = w.now.Add(time.Hour)
		}, false, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := settling(t)
			test.play(w)
			s, plan := w.snapshot(), w.plan()
			status, _ := makeStatus(s, plan, &Outcome{})
			if goes := len(plan.Updates) > 0; goes != test.goes || status.ReadyPods != test.ready || plan.SettleIn != test.in {
				t.Errorf("the next one goes: %t, want %t; ready %d, want %d; looks again in %s, want %s",
					goes, test.goes, status.ReadyPods, test.ready, plan.SettleIn, test.in)
			}
		})
	}
}

func TestPodsThatTookNoShareHoldNone(t *testing.T) {
	w := newRollout(t, 3, build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.MinReadySeconds = 30 })).image("agent:2")
	w.unready(0)
	w.update(0)
	w.starts(0)
	build.SetReady(w.pods[0], true, w.now)
	w.addPod("born", time.Hour)
	build.SetReady(w.pods[3], false, w.now)
	build.SetReady(w.pods[3], true, w.now)
	s, plan := w.snapshot(), w.plan()
	if got := updates(plan); got != "web-2" {
		t.Errorf("updates %q, want web-2; %s", got, waitsOf(plan))
	}
	if status, _ := makeStatus(s, plan, &Outcome{}); status.ReadyPods != 2 {
		t.Errorf("ready %d, want 2: the one that came back and the one that was born have not served for 30 s", status.ReadyPods)
	}
}

// A Pod on its way to minReadySeconds is no lack of progress.
func TestTheDeadlineLeavesTimeForMinReadySeconds(t *testing.T) {
	w := settling(t)
	w.set = w.set.DeepCopy()
	w.set.Spec.UpdateStrategy.MinReadySeconds = 900
	s, plan := w.snapshot(), w.plan()
	p := newProgress(s, plan, &Outcome{})
	if p.watch(s, &metav1.Time{Time: w.now.Add(-15 * time.Minute)}); p.overdue {
		t.Error("overdue after 15 min, while the Pod has yet to serve for as long")
	}
	if len(p.underway) != 1 {
		t.Errorf("under way: %v, want the Pod that has not served for long enough", p.underway)
	}
}
