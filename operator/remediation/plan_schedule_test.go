// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// A look costs reads, so none is taken more often than it can see something new.
func TestWhenItLooksAgain(t *testing.T) {
	unschedulable := func(since time.Duration) *scene {
		sc := newScene("n1", "n2").recorded(Record{[]Exclusion{exclusion("n1", -20*time.Minute, time.Hour)}, nil})
		sc.put(unscheduledPod("web-0", build.Epoch.Add(-since), sc.snapshot.Patch))
		return sc.last(func(p *Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} }) // no node is of use to it
	}
	for name, test := range map[string]struct {
		scene *scene
		want  time.Duration
	}{
		"nothing is wrong": {newScene("n1", "n2").running("n1"), 0},
		"a Pod has not waited for long enough": {
			newScene("n1", "n2").failing("n1", 290*time.Second), 11 * time.Second,
		},
		"a Pod that cannot start is at a revision that it should not have": {
			newScene("n1", "n2").failing("n1", time.Hour).last(func(p *Pod) { p.Right = false }), 0,
		},
		"a Pod that cannot start is being changed in place": {
			newScene("n1", "n2").failing("n1", time.Hour).last(func(p *Pod) { p.Changing = true }), 0,
		},
		"a Pod has found no node, and not for long":   {unschedulable(50 * time.Second), 11 * time.Second},
		"a Pod has found no node for just a minute":   {unschedulable(60 * time.Second), time.Second},
		"a Pod has found no node for a long time":     {unschedulable(time.Hour), recheckAfter},
		"a stuck Pod is kept by a gate":               {newScene("n1").failing("n1", long), recheckAfter},
		"a node is excluded, and all is well besides": {newScene("n1", "n2").running("n2").recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, nil}), recheckAfter},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, decide(test.scene.snapshot).RequeueAfter); diff != "" {
				t.Errorf("look again in (-want +got):\n%s", diff)
			}
		})
	}
}
