// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestEveryRuleHasAReasonThatTheStatusCounts(t *testing.T) {
	last := -1
	for _, r := range rules {
		at := slices.Index(waitingReasons, r.reason)
		if at < 0 {
			t.Errorf("%s is not among waitingReasons", r.reason)
		}
		if at < last {
			t.Errorf("%s is asked later than waitingReasons says", r.reason)
		}
		last = at
	}
}

// sentence is the one of Ready's message that says what waits.
func (w *rollout) sentence() string {
	w.t.Helper()
	s := w.snapshot()
	plan := w.plan()
	if len(plan.Waiting) == 0 {
		return ""
	}
	return newProgress(s, plan, &Outcome{}).later()
}

func TestWhatWaitingPodsAreSaidToWaitFor(t *testing.T) {
	inFlight := func() *rollout {
		w := newRollout(t, 4, build.MakeSidecarSet("s").MaxUnavailable("2")).image("agent:2")
		carryOut(w.plan())
		return w.image("agent:3")
	}
	for name, test := range map[string]struct {
		rollout *rollout
		want    string
	}{
		"nothing": {newRollout(t, 1, build.MakeSidecarSet("s")).image("agent:2"), ""},
		"one reason": {newRollout(t, 3, build.MakeSidecarSet("s")).image("agent:2"),
			"Later: 2 Pods. maxUnavailable (1) is used up: 2, Pod default/web-0 the first."},
		"two reasons, and who uses maxUnavailable up": {inFlight(),
			"Later: 4 Pods. An earlier change is not at its end: 2, Pod default/web-2 the first." +
				" maxUnavailable (2) is used up until these are ready: default/web-2, default/web-3: 2, Pod default/web-0 the first."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.rollout.sentence(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// waitingSeries are the metric's values for one set by reason.
func waitingSeries(t *testing.T, set string) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if family.GetName() == "windlass_sidecarset_waiting_pods" && labels["sidecarset"] == set {
				out[labels["reason"]] = m.GetGauge().GetValue()
			}
		}
	}
	return out
}

func TestWaitingPodsAreCountedByReason(t *testing.T) {
	status := func(waiting ...v1beta1.WaitingPods) *v1beta1.SidecarSetStatus {
		return &v1beta1.SidecarSetStatus{Waiting: waiting}
	}
	expect := func(when string, want map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, waitingSeries(t, "counted")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	observeStatus("counted", status(
		v1beta1.WaitingPods{Reason: v1beta1.WaitingMaxUnavailable, Pods: 3}, v1beta1.WaitingPods{Reason: v1beta1.WaitingTopology, Pods: 1},
	))
	expect("two reasons", map[string]float64{"MaxUnavailable": 3, "Topology": 1})
	observeStatus("counted", status(v1beta1.WaitingPods{Reason: v1beta1.WaitingTopology, Pods: 2}))
	expect("one is gone", map[string]float64{"Topology": 2})
	forgetMetrics("counted")
	expect("the set is deleted", map[string]float64{})
}
