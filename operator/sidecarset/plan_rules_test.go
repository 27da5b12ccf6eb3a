// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"testing"

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
