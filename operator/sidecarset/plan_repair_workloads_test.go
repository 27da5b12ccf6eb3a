// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// repaired is a set that may take down as many Pods as it likes, with a Pod that has its sidecars and four of ReplicaSet
// web that miss them.
func repaired(t *testing.T, limit *intstr.IntOrString) *rollout {
	w := newRollout(t, 1, repairing().MaxUnavailable("100%").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.UpdateStrategy.MaxUnavailablePerWorkload = limit
	}))
	for _, name := range []string{"a", "b", "c", "d"} {
		w.bare(name)
	}
	return w
}

func TestRepairKeepsPodsOfEveryWorkload(t *testing.T) {
	type result struct {
		Evict []string
		Why   string
	}
	for name, test := range map[string]struct {
		limit *intstr.IntOrString
		play  func(w *rollout)
		want  result
	}{
		"all but one, without a limit": {want: result{Evict: []string{"a", "b", "c"}}},
		"as many as the limit says":    {limit: ptr.To(intstr.FromString("50%")), want: result{Evict: []string{"a", "b"}}},
		"what is down already counts": {
			limit: ptr.To(intstr.FromInt32(1)),
			play:  func(w *rollout) { build.SetReady(w.pods[4], false, w.now) },
			want:  result{Evict: []string{"d"}},
		},
		"none, and it says why": {
			limit: ptr.To(intstr.FromInt32(1)),
			play: func(w *rollout) {
				build.SetReady(of(w.pods[0], "ReplicaSet", "web"), false, w.now) // it has its sidecars, so no eviction helps it
			},
			want: result{Why: "ReplicaSet default/web has 1 of 5 down (limit 1), not by this rollout: web-0, and 3 more Pods wait for theirs"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := repaired(t, test.limit)
			if test.play != nil {
				test.play(w)
			}
			plan := w.plan()
			if diff := cmp.Diff(test.want, result{evicted(plan), plan.Repair}); diff != "" {
				t.Errorf("repair (-want +got):\n%s", diff)
			}
		})
	}
}

// An eviction is in the ledger until the cache shows it: nobody spends its share, nor asks for it a second time.
func TestAnEvictionIsInTheLedgerUntilItIsSeen(t *testing.T) {
	w, book := repaired(t, ptr.To(intstr.FromInt32(1))), ledger.New()
	look := func() *Plan {
		s := w.snapshot()
		s.Takes = book.Read("SidecarSet s")
		return mustPlan(t, s)
	}
	store := world.NewStore(t)
	for _, pod := range w.pods {
		store.Add(pod.DeepCopy())
	}
	writer := &world.Client{Store: store}
	outcome := (&executor{writer: writer, parallel: 4}).apply(t.Context(), look())
	if len(outcome.Evicted) != 1 {
		t.Fatalf("%d Pods were evicted: %v", len(outcome.Evicted), outcome.errors())
	}
	taken := func() (out []types.UID) {
		page := book.Read("SidecarSet other")
		for _, pod := range w.pods {
			if page.Taken(pod) {
				out = append(out, pod.UID)
			}
		}
		return out
	}
	if diff := cmp.Diff([]types.UID{outcome.Evicted[0].Pod.UID}, taken()); diff != "" {
		t.Errorf("in the ledger (-want +got):\n%s", diff)
	}
	if again := evicted(look()); len(again) != 0 {
		t.Errorf("evicted before the cache shows the first: %v", again)
	}
}

// The API server asks the PodDisruptionBudgets about evictions, but learns of a restart in place only from the kubelet. So
// one plan takes from each once, whatever for.
func TestEvictionsAndRestartsTakeFromOneBudget(t *testing.T) {
	for name, test := range map[string]struct {
		needed         int32
		evict, restart []string
		protected      int
	}{
		"none is left for a restart":   {needed: 4, evict: []string{"a"}, protected: 3},
		"one is":                       {needed: 1, evict: []string{"a", "b", "c"}, restart: []string{"web-0"}},
		"it allows none":               {needed: 5, protected: 4},
		"restarts do not ask about it": {needed: 4, evict: []string{"a"}, protected: 3, restart: []string{"web-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := repaired(t, nil).image("agent:2")
			w.set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(10))
			if name == "restarts do not ask about it" {
				w.set.Spec.UpdateStrategy.DisruptionBudgets = v1beta1.IgnoreDisruptionBudgets
			}
			plan := mustPlan(t, budgeted(w, pdb("web", 5, test.needed, map[string]string{"app": "web"})))
			if diff := cmp.Diff(test.evict, evicted(plan)); diff != "" {
				t.Errorf("evicted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.restart, decisionOf(plan).Update); diff != "" {
				t.Errorf("updated (-want +got):\n%s", diff)
			}
			if len(plan.Protected) != test.protected {
				t.Errorf("%d are protected, want %d", len(plan.Protected), test.protected)
			}
		})
	}
}

// Of an eviction that nobody knows the end of the Pod counts as gone until it is asked for again: the cache may not show it.
func TestAnEvictionOfWhichNobodyKnowsTakesItsShare(t *testing.T) {
	w, book, memory := repaired(t, ptr.To(intstr.FromInt32(1))), ledger.New(), newMemory()
	look := func() (*Snapshot, *Plan) {
		s := w.snapshot()
		memory.recall(s)
		(&gatherer{ledger: book}).openLedger(s)
		return s, mustPlan(t, s)
	}
	store := world.NewStore(t)
	for _, pod := range w.pods {
		store.Add(pod.DeepCopy())
	}
	writer := &world.Client{Store: store, Answer: func(world.Request) error { return context.DeadlineExceeded }}
	s, plan := look()
	outcome := (&executor{writer: writer, parallel: 1}).apply(t.Context(), plan)
	memory.note(s, plan, outcome)
	if len(outcome.Failed) != 1 || len(outcome.Evicted) != 0 {
		t.Fatalf("evicted %v, failed %v; want one of which nobody knows", outcome.Evicted, outcome.Failed)
	}
	if _, plan := look(); len(plan.Evictions) != 0 || len(plan.Protected) != 0 {
		t.Errorf("a moment later it evicts %v, and says that the API server keeps %v", evicted(plan), plan.Protected)
	}
	w.now = w.now.Add(time.Minute)
	if _, plan := look(); len(plan.Evictions) != 1 {
		t.Errorf("later it evicts %v, want one", evicted(plan))
	}
}
