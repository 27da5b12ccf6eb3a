// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// Counting a budget takes all Pods of its namespace, so that is done only where a Pod may be restarted that has one.
func TestWhereBudgetsAreRead(t *testing.T) {
	old := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	current := old.DeepCopy()
	current.Spec.Containers[0].Image = "agent:2"
	pod := func(namespace, name, tier string, version *v1beta1.SidecarSet) client.Object {
		pod := build.MakePod(name).Namespace(namespace).Label("app", "web").Label("tier", tier).New().Obj()
		injection, err := sidecar.Inject(pod, []*sidecar.Set{compile(t, version)}, metav1.NewTime(build.Epoch))
		if err != nil {
			t.Fatal(err)
		}
		injection.Apply(pod)
		build.RunContainers(pod)
		build.SetReady(pod, true, build.Epoch)
		return pod
	}
	covering := func(tier string) client.Object {
		out := pdb(tier, 3, 1, map[string]string{"tier": tier})
		out.Namespace = "shop"
		return &out
	}
	other := build.MakePod("other").Namespace("shop").Label("app", "web").Label("tier", "front").Running().Obj()
	for name, test := range map[string]struct {
		set     func(*v1beta1.SidecarSetUpdateStrategy)
		repairs bool
		objects []client.Object
		want    map[string]int
	}{
		"a budget covers a Pod that is to be updated": {
			objects: []client.Object{pod("shop", "a", "front", old), covering("front"), other}, want: map[string]int{"shop": 2},
		},
		"the set ignores them": {
			set:     func(s *v1beta1.SidecarSetUpdateStrategy) { s.DisruptionBudgets = v1beta1.IgnoreDisruptionBudgets },
			objects: []client.Object{pod("shop", "a", "front", old), covering("front")},
		},
		"the set is paused": {
			set:     func(s *v1beta1.SidecarSetUpdateStrategy) { s.Paused = true },
			objects: []client.Object{pod("shop", "a", "front", old), covering("front")},
		},
		"the set is paused, and repairs": {
			set: func(s *v1beta1.SidecarSetUpdateStrategy) { s.Paused = true }, repairs: true,
			objects: []client.Object{other, covering("front")}, want: map[string]int{"shop": 1},
		},
		"the set ignores them, and repairs": {
			set:     func(s *v1beta1.SidecarSetUpdateStrategy) { s.DisruptionBudgets = v1beta1.IgnoreDisruptionBudgets },
			repairs: true, objects: []client.Object{pod("elsewhere", "a", "front", old), other, covering("front")}, want: map[string]int{"shop": 1},
		},
		"all Pods are updated": {objects: []client.Object{pod("shop", "a", "front", current), covering("front")}},
		"the budget covers other Pods": {
			objects: []client.Object{pod("shop", "a", "back", old), covering("front"), other}, want: map[string]int{},
		},
		"the Pod is in another namespace": {
			objects: []client.Object{pod("elsewhere", "a", "front", old), covering("front"), other}, want: map[string]int{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			set := current.DeepCopy()
			if test.set != nil {
				test.set(&set.Spec.UpdateStrategy)
			}
			if test.repairs {
				set.Spec.RepairPolicy = v1beta1.RepairRecreate
			}
			g := gathererOf(t, set, append(test.objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "elsewhere"}})...)
			s, err := g.snapshot(t.Context(), "s")
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]int
			if s.Disruption != nil {
				got = map[string]int{}
				for namespace := range maps.Keys(s.Disruption) {
					got[namespace] = len(s.Disruption[namespace].Pods)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Pods of budgets by namespace (-want +got):\n%s", diff)
			}
		})
	}
}

// An eviction is answered before the cache shows it; until then its Pod counts as down, and is not forgotten.
func TestTheLedgerLearnsFromTheCache(t *testing.T) {
	gone, going, there := build.MakePod("gone").Obj(), build.MakePod("going").Obj(), build.MakePod("there").Obj()
	anew := build.MakePod("anew").Obj()
	g := gathererOf(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Obj(), there, func() client.Object {
		terminating := going.DeepCopy()
		terminating.Finalizers = []string{"example.com/hold"}
		terminating.DeletionTimestamp = &metav1.Time{Time: build.Epoch.Add(time.Minute)}
		return terminating
	}(), func() client.Object {
		successor := anew.DeepCopy()
		successor.UID = "another"
		return successor
	}())
	g.ledger = ledger.New()
	for _, pod := range []*corev1.Pod{gone, going, there, anew} {
		entry, err := g.ledger.Read("SidecarSet other").Take(pod, []ledger.Budget{{Kind: "any"}})
		if err != nil {
			t.Fatal(err)
		}
		entry.Answered(ledger.Unseen)
	}
	taken := func(s *Snapshot) (out []string) {
		for _, pod := range []*corev1.Pod{gone, going, there, anew} {
			if s.Takes.Taken(pod) {
				out = append(out, pod.Name)
			}
		}
		return out
	}
	for _, want := range [][]string{{"gone", "going", "there", "anew"}, {"there"}, {"there"}} {
		s, err := g.snapshot(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, taken(s)); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
	}
}
