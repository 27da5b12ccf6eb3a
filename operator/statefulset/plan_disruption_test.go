// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/internal/workload"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// protected is a set of three Pods, all of which may be updated at once by maxUnavailable, and a PodDisruptionBudget.
func protected(t *testing.T, set *build.StatefulSetBuilder, policy v1beta1.DisruptionBudgetPolicy, needed int32) *world {
	t.Helper()
	set.MaxUnavailable("100%").Rolling(func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.DisruptionBudgets = policy })
	w := settled(t, set.Parallel())
	w.Add(&policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Generation: 1},
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, MinAvailable: ptr.To(intstr.FromInt32(needed)),
		},
	})
	w.Disruptions()
	return w
}

func TestASetAsksPodDisruptionBudgetsOnRequest(t *testing.T) {
	const respect, ignore = v1beta1.RespectDisruptionBudgets, v1beta1.IgnoreDisruptionBudgets
	checkPlans(t, map[string]planCase{
		"in place, as many as the budget allows": {
			func(t *testing.T) *world { return protected(t, web().InPlace(), respect, 2).withImage("app:2") },
			[]string{"update Pod web-2 in place: its turn has come"},
		},
		"in place, and the budget allows none": {
			func(t *testing.T) *world { return protected(t, web().InPlace(), respect, 3).withImage("app:2") }, nil,
		},
		"by default nobody asks": {
			func(t *testing.T) *world { return protected(t, web().InPlace(), "", 3).withImage("app:2") },
			[]string{
				"update Pod web-2 in place: its turn has come", "update Pod web-1 in place: its turn has come",
				"update Pod web-0 in place: its turn has come",
			},
		},
		"a Pod that serves is evicted": {
			func(t *testing.T) *world { return protected(t, web(), respect, 2).withImage("app:2") },
			[]string{"evict Pod web-2: its turn has come"},
		},
		"without it, it is deleted": {
			func(t *testing.T) *world {
				return protected(t, web().MaxUnavailable("1"), ignore, 3).withImage("app:2")
			},
			[]string{
				"delete Pod web-2: its turn has come", "delete Pod web-1: its turn has come", "delete Pod web-0: its turn has come",
			},
		},
		"a deletion that somebody asks for takes from the budget too": {
			func(t *testing.T) *world {
				return protected(t, web().InPlace(), respect, 2).withImage("app:2").labelled(v1beta1.SpecifiedDeleteLabel, "", "web-0")
			},
			[]string{"update Pod web-2 in place: its turn has come"},
		},
		"it goes when nothing else does": {
			func(t *testing.T) *world {
				return protected(t, web().InPlace(), respect, 2).labelled(v1beta1.SpecifiedDeleteLabel, "", "web-0")
			},
			[]string{"evict Pod web-0: it carries the label apps.kruise.io/specified-delete"},
		},
		"a broken Pod goes as ever": {
			func(t *testing.T) *world {
				return protected(t, web(), respect, 3).waiting("ImagePullBackOff", "web-1").withImage("app:2")
			},
			[]string{"delete Pod web-1: it cannot run at the revision that it is at"},
		},
		"a scale-in goes as ever": {
			func(t *testing.T) *world { return protected(t, web(), respect, 3).withReplicas(2) },
			[]string{"delete Pod web-2: with replicas: 2 there is to be no ordinal 2"},
		},
		"a Pod that somebody else restarts just now is left alone": {
			func(t *testing.T) *world {
				w := protected(t, web(), respect, 1).withImage("app:2")
				if _, err := w.gatherer.ledger.Read("SidecarSet mesh").Take(w.pod("web-2"), []ledger.Budget{{Kind: "any"}}); err != nil {
					t.Fatal(err)
				}
				return w
			},
			[]string{"evict Pod web-1: its turn has come"},
		},
	})
}

func TestASetSaysWhichBudgetItWaitsFor(t *testing.T) {
	w := protected(t, web().InPlace(), v1beta1.RespectDisruptionBudgets, 3).withImage("app:2")
	w.cache.Sync()
	s := w.snapshot()
	plan, err := makePlan(s)
	if err != nil {
		t.Fatal(err)
	}
	got := newProgress(s, plan, &Outcome{}).waits().String()
	want := "PodDisruptionBudget default/web allows none now (3 healthy of 3 needed): Pod web-2. Later, within maxUnavailable: 3 Pods."
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if len(plan.Rollout.DisruptionBudgets) != 1 || plan.RequeueAfter == 0 {
		t.Errorf("waits for %v, looks again in %s", plan.Rollout.DisruptionBudgets, plan.RequeueAfter)
	}
}

// The disruption controller is late by a look each time, and still no Pod goes that the budget needs.
func TestARolloutKeepsItsBudget(t *testing.T) {
	for name, set := range map[string]*build.StatefulSetBuilder{"in place": web().InPlace(), "by eviction": web()} {
		t.Run(name, func(t *testing.T) {
			w := protected(t, set, v1beta1.RespectDisruptionBudgets, 2)
			w.image("app:2")
			for range 60 {
				w.once()
				serving := 0
				for _, pod := range w.Pods() {
					if ready := cluster.Condition(pod, corev1.PodReady); pod.DeletionTimestamp == nil && ready != nil && ready.Status == corev1.ConditionTrue {
						serving++
					}
				}
				if serving < 2 {
					t.Fatalf("%d Pods serve:\n%s", serving, w.tail())
				}
				w.Disruptions()
				w.Pass(disruptionLooks)
			}
			for _, view := range w.snapshot().Pods {
				if view.Pod.Spec.Containers[0].Image != "app:2" || !view.Available {
					t.Errorf("Pod %s has image %s: %s\n%s", view.Pod.Name, view.Pod.Spec.Containers[0].Image, state(view), w.tail())
				}
			}
		})
	}
}

// Somebody else was faster: the API server refuses, the Pod stays, and is asked for again 10 s later.
func TestARefusedEvictionWaitsTenSeconds(t *testing.T) {
	w := protected(t, web(), v1beta1.RespectDisruptionBudgets, 2)
	w.image("app:2")
	w.cache.Sync()
	s := w.snapshot()
	cluster.Change(w.Store, cluster.Budget, key("web"), func(b *policyv1.PodDisruptionBudget) { b.Status.DisruptionsAllowed = 0 })
	_, outcome := w.act(t.Context(), s)
	if len(outcome.DeleteErrors) != 1 || len(outcome.Deleted) != 0 || w.pod("web-2").DeletionTimestamp != nil {
		t.Fatalf("deleted %v, errors %v", outcome.Deleted, outcome.DeleteErrors)
	}
	w.cache.Sync()
	plan := w.plan()
	if got := plan.Rollout.Refused; len(got) != 1 || plan.RequeueAfter.Seconds() != 10 {
		t.Errorf("refused %v, looks again in %s", got, plan.RequeueAfter)
	}
}

// A SidecarSet leaves the last Pod of a workload that serves alone. So it has to hear of the Pods that a set takes down,
// also of a set that asks no budget itself, and neither may act on what it saw before the other took one.
func TestWhatASetTakesDownIsTakenFromItsWorkload(t *testing.T) {
	for name, set := range map[string]*build.StatefulSetBuilder{"in place": web().InPlace(), "by deletion": web()} {
		t.Run(name, func(t *testing.T) {
			w := protected(t, set.MaxUnavailable("1"), v1beta1.IgnoreDisruptionBudgets, 0).withImage("app:2")
			w.gatherer.ledger = ledger.New()
			w.cache.Sync()
			s, sidecars := w.snapshot(), w.gatherer.ledger.Read("SidecarSet mesh")
			of := []ledger.Budget{ledger.Budget(workload.Of(w.pod("web-0")))}
			entry, err := sidecars.Take(w.pod("web-0"), of)
			if err != nil {
				t.Fatal(err)
			}
			entry.Answered(ledger.Shown)
			plan, outcome := w.act(t.Context(), s)
			if len(plan.Change)+len(plan.Delete) == 0 || len(outcome.Changed)+len(outcome.Deleted) != 0 {
				t.Fatalf("planned %d changes and %d deletions, and made %d and %d of them on what it saw before",
					len(plan.Change), len(plan.Delete), len(outcome.Changed), len(outcome.Deleted))
			}
			w.cache.Sync()
			sidecars = w.gatherer.ledger.Read("SidecarSet mesh")
			if _, outcome = w.act(t.Context(), w.snapshot()); len(outcome.Changed)+len(outcome.Deleted) == 0 {
				t.Fatal("nothing goes on")
			}
			if _, err := sidecars.Take(w.pod("web-0"), of); !errors.Is(err, apply.ErrOvertaken) {
				t.Errorf("the SidecarSet takes a Pod on what it saw before: %v", err)
			}
		})
	}
}
