// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/report"
)

// In simulations the statuses are held against the truth, too: after every look at a cache that is up to date no tool
// may take the set for done unless it is, and in the end all of them must.
func TestSimulatedSetsAreNeverSaidToBeDoneTooSoon(t *testing.T) {
	const schedules = 150
	claims := 0
	for seed := range uint64(schedules) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := newSimulation(t, seed)
			r, fresh, judge := &rollout{world: s.world, began: s.Now()}, false, s.writer.Wrote
			s.writer.Wrote = func(request cluster.Request, before, after client.Object) {
				judge(request, before, after)
				if set, ok := after.(*v1beta1.StatefulSet); ok {
					wellFormed(t, set)
					if fresh {
						claims++
						r.check(t, set)
					}
				}
			}
			for range 150 {
				if fresh = s.random.IntN(3) == 0; fresh {
					s.cache.Sync()
					s.look()
				} else {
					s.step()
				}
			}
			fresh = true
			if !s.settle() {
				t.Fatalf("does not converge:\n%s", s.tail())
			}
			if text := s.quiet(); text != "" {
				t.Fatalf("a set that has converged causes %s:\n%s", text, s.tail())
			}
			if set := s.set("web"); kstatus(set) != "Current" || argoHealth(set) != "Healthy" || set.Status.CurrentRevision != set.Status.UpdateRevision {
				t.Errorf("kstatus %s, Argo CD %s, at %s of %s in the end:\n%s", kstatus(set), argoHealth(set),
					set.Status.CurrentRevision, set.Status.UpdateRevision, conditionLines(&set.Status))
			}
			if t.Failed() {
				t.Logf("%s", s.tail())
			}
		})
	}
	if claims < schedules {
		t.Errorf("only %d statuses were held against the truth", claims)
	}
}

// wellFormed checks what the API server demands of conditions, and what we promise of their messages.
func wellFormed(t *testing.T, set *v1beta1.StatefulSet) {
	t.Helper()
	for _, c := range set.Status.Conditions {
		if c.Reason == "" || c.Message == "" || len(c.Message) > report.MaxMessage || c.LastTransitionTime.IsZero() || c.ObservedGeneration != set.Status.ObservedGeneration {
			t.Errorf("condition %+v of a status of generation %d", c, set.Status.ObservedGeneration)
		}
	}
}
