// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// pdb is a PodDisruptionBudget of namespace default, as the disruption controller has left it.
func pdb(name string, healthy, needed int32, labels map[string]string) policyv1.PodDisruptionBudget {
	return policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Generation: 1},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}},
		Status: policyv1.PodDisruptionBudgetStatus{
			ObservedGeneration: 1, CurrentHealthy: healthy, DesiredHealthy: needed, ExpectedPods: healthy,
			DisruptionsAllowed: max(0, healthy-needed),
		},
	}
}

// budgeted is the snapshot of a rollout whose namespace has budgets.
func budgeted(w *rollout, budgets ...policyv1.PodDisruptionBudget) *Snapshot {
	w.budgets = budgets
	return w.snapshot()
}

// disruption is what the budgets of the namespace say of its Pods.
func (w *rollout) disruption() disruption.Budgets {
	if len(w.budgets) == 0 {
		return nil
	}
	all := disruption.Namespace{Budgets: disruption.Read(w.budgets)}
	for _, pod := range w.pods {
		all.Pods = append(all.Pods, *pod)
	}
	return disruption.Budgets{"default": all}
}

func mustPlan(t *testing.T, s *Snapshot) *Plan {
	t.Helper()
	plan, err := makePlan(s)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// A restart in place is no eviction, but the owner of a Pod has said how many of its Pods may be down.
func TestPodDisruptionBudgetsAreAskedBeforeARestart(t *testing.T) {
	web := map[string]string{"app": "web"}
	rolling := func(n int) *rollout {
		return newRollout(t, n, build.MakeSidecarSet("s").MaxUnavailable("100%")).image("agent:2")
	}
	type result struct {
		Update  []string
		Waiting string
		Words   string
		Waits   []types.NamespacedName
	}
	forWeb := []types.NamespacedName{{Namespace: "default", Name: "web"}}
	for name, test := range map[string]struct {
		snapshot func() *Snapshot
		want     result
	}{
		"as many go as it allows": {
			func() *Snapshot { return budgeted(rolling(4), pdb("web", 4, 2, web)) },
			result{
				[]string{"web-3", "web-2"}, "DisruptionBudget 2",
				"Later: 2 Pods. PodDisruptionBudget default/web allows none now (2 healthy of 2 needed): 2, Pod default/web-0 the first.", forWeb,
			},
		},
		"one that never allows keeps its Pods, and all others go": {
			func() *Snapshot {
				w := rolling(3)
				w.pods[2].Labels["tier"] = "front"
				return budgeted(w, pdb("web", 1, 1, map[string]string{"tier": "front"}))
			},
			result{
				[]string{"web-1", "web-0"}, "DisruptionBudget 1",
				"Later: 1 Pod. PodDisruptionBudget default/web allows none now (1 healthy of 1 needed): 1, Pod default/web-2.", forWeb,
			},
		},
		"Pods that do not serve are not asked about": {
			func() *Snapshot {
				w := rolling(3)
				for _, pod := range w.pods[:2] {
					build.SetReady(pod, false, w.now)
				}
				return budgeted(w, pdb("web", 1, 2, web))
			},
			result{
				[]string{"web-1", "web-0"}, "DisruptionBudget 1",
				"Later: 1 Pod. PodDisruptionBudget default/web allows none now (1 healthy of 2 needed): 1, Pod default/web-2.", forWeb,
			},
		},
		"what another set has just taken is down": {
			func() *Snapshot {
				s := budgeted(rolling(3), pdb("web", 3, 2, web))
				book := ledger.New()
				if _, err := book.Read("SidecarSet other").Take(s.Matched[1].Pod, []ledger.Budget{{Kind: "any"}}); err != nil {
					t.Fatal(err)
				}
				s.Takes = book.Read("SidecarSet s")
				return s
			},
			result{
				nil, "InFlight 1, DisruptionBudget 2",
				"Later: 3 Pods. PodDisruptionBudget default/web allows none now (2 healthy of 2 needed): 2, Pod default/web-0 the first." +
					" A change by another object is not at its end: 1, Pod default/web-1.", forWeb,
			},
		},
		"a Pod of others that is about to restart is down": {
			func() *Snapshot {
				s := budgeted(rolling(2), pdb("web", 3, 2, web))
				other := newRollout(t, 1, build.MakeSidecarSet("other").MaxUnavailable("100%")).image("agent:2")
				carryOut(other.plan())
				other.pods[0].UID = "another"
				namespace := s.Disruption["default"]
				namespace.Pods = append(namespace.Pods, *other.pods[0])
				s.Disruption["default"] = namespace
				return s
			},
			result{
				nil, "DisruptionBudget 2",
				"Later: 2 Pods. PodDisruptionBudget default/web allows none now (2 healthy of 2 needed): 2, Pod default/web-0 the first.", forWeb,
			},
		},
		"no budget was read, since the set ignores them": {
			func() *Snapshot { return rolling(2).snapshot() }, result{Update: []string{"web-1", "web-0"}},
		},
		"maxUnavailable is asked first": {
			func() *Snapshot {
				w := newRollout(t, 3, build.MakeSidecarSet("s")).image("agent:2")
				return budgeted(w, pdb("web", 3, 0, web))
			},
			result{
				[]string{"web-2"}, "MaxUnavailable 2",
				"Later: 2 Pods. maxUnavailable (1) is used up: 2, Pod default/web-0 the first.", nil,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.snapshot()
			plan := mustPlan(t, s)
			got := result{Update: decisionOf(plan).Update, Waiting: waitsOf(plan), Waits: plan.DisruptionBudgets}
			if len(plan.Waiting) > 0 {
				got.Words = newProgress(s, plan, &Outcome{}).later()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// What the plan takes, the ledger is told before the write; a restart that costs nobody anything is not.
func TestAnUpdateSaysFromWhichBudgetsItIsTaken(t *testing.T) {
	w := newRollout(t, 3, build.MakeSidecarSet("s").MaxUnavailable("100%")).image("agent:2")
	build.SetReady(w.pods[0], false, w.now)
	s := budgeted(w, pdb("web", 2, 0, map[string]string{"app": "web"}), pdb("all", 2, 0, nil))
	got := map[string][]ledger.Budget{}
	for _, u := range mustPlan(t, s).Updates {
		got[u.View.Pod.Name] = onlyDisruption(u.Takes)
	}
	budgets := []ledger.Budget{
		{Kind: ledger.DisruptionBudget, NamespacedName: types.NamespacedName{Namespace: "default", Name: "all"}},
		{Kind: ledger.DisruptionBudget, NamespacedName: types.NamespacedName{Namespace: "default", Name: "web"}},
	}
	if diff := cmp.Diff(map[string][]ledger.Budget{"web-0": nil, "web-1": budgets, "web-2": budgets}, got); diff != "" {
		t.Errorf("taken from (-want +got):\n%s", diff)
	}
}

func onlyDisruption(takes []ledger.Budget) (out []ledger.Budget) {
	for _, b := range takes {
		if b.Kind == ledger.DisruptionBudget {
			out = append(out, b)
		}
	}
	return out
}

// Each end of a hot upgrade takes a container out of a Pod that serves.
func TestTheEndOfAHotUpgradeAsksToo(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1").MaxUnavailable("100%")
	set.Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	w := newRollout(t, 3, set).image("agent:2")
	carryOut(w.plan())
	for _, pod := range w.pods {
		build.RunContainers(pod)
	}
	for needed, want := range map[int32]int{3: 0, 2: 1, 0: 3} {
		plan := mustPlan(t, budgeted(w, pdb("web", 3, needed, map[string]string{"app": "web"})))
		if len(plan.Finishes) != want {
			t.Errorf("%d hot upgrades end at once where %d of 3 Pods are needed, want %d", len(plan.Finishes), needed, want)
		}
		for _, u := range plan.Finishes {
			if len(onlyDisruption(u.Takes)) != 1 {
				t.Errorf("the end is taken from %v", u.Takes)
			}
		}
	}
}

// Two sets that looked at the same moment would both restart a Pod of the budget.
func TestNothingIsWrittenAfterAnotherSetHasTakenFromTheBudget(t *testing.T) {
	web := []policyv1.PodDisruptionBudget{pdb("web", 3, 2, map[string]string{"app": "web"})}
	w := newRollout(t, 3, build.MakeSidecarSet("s").MaxUnavailable("100%")).image("agent:2")
	book, patcher := ledger.New(), &recordingPatcher{}
	look := func(by string) *Plan {
		s := budgeted(w, web...)
		s.Takes = book.Read(by)
		return mustPlan(t, s)
	}
	first, second := look("SidecarSet a"), look("SidecarSet b")
	type result struct{ Updated, Stale, Overtaken int }
	var got []result
	for _, plan := range []*Plan{first, second} {
		o := (&executor{writer: patcher, parallel: 2}).apply(t.Context(), &Plan{Updates: plan.Updates, Takes: plan.Takes})
		got = append(got, result{len(o.Updated), o.Stale, o.Overtaken})
	}
	if diff := cmp.Diff([]result{{Updated: 1}, {Overtaken: 1}}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if len(patcher.patches) != 1 {
		t.Errorf("%d Pods were written to, want 1", len(patcher.patches))
	}
	if wait := retryIn(&Snapshot{}, second, &Outcome{Overtaken: 1}); wait == 0 {
		t.Error("nothing brings the next look")
	}
}

// Nobody knows whether the write was made, so its Pod counts as down for everybody until its set knows.
func TestAWriteOfWhichNobodyKnowsStaysInTheLedger(t *testing.T) {
	w := newRollout(t, 1, build.MakeSidecarSet("s")).image("agent:2")
	for name, test := range map[string]struct {
		answer error
		want   bool
	}{
		"carried out":    {nil, false},
		"refused":        {byPolicy(nil), false},
		"nobody knows":   {errors.New("the connection broke"), true},
		"gone meanwhile": {apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "web-0"), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, book := budgeted(w, pdb("web", 1, 0, nil)), ledger.New()
			s.Takes = book.Read("SidecarSet s")
			plan := mustPlan(t, s)
			patcher := &recordingPatcher{answers: map[string]error{"web-0": test.answer}}
			(&executor{writer: patcher, parallel: 1}).apply(t.Context(), &Plan{Updates: plan.Updates, Takes: plan.Takes})
			if got := book.Read("SidecarSet b").Taken(w.pods[0]); got != test.want {
				t.Errorf("taken: %t, want %t", got, test.want)
			}
		})
	}
}

// A budget that never allows any disruption keeps its Pods, and whoever looks at Stalled knows which ones, why, and what
// to do.
func TestWhatStalledSaysOfABudgetThatNeverAllows(t *testing.T) {
	w := newRollout(t, 4, build.MakeSidecarSet("s").MaxUnavailable("100%"))
	for _, pod := range w.pods[2:] {
		pod.Labels["tier"] = "front"
	}
	w.budgets = []policyv1.PodDisruptionBudget{pdb("web", 2, 2, map[string]string{"tier": "front"})}
	w.look()
	w.image("agent:2")
	w.looks(3)
	const kept = "Later: 2 Pods. PodDisruptionBudget default/web allows none now (2 healthy of 2 needed): 2, Pod default/web-2 the first."
	for name, test := range map[string]struct {
		after time.Duration
		want  map[string]string
	}{
		"before the deadline": {time.Minute, map[string]string{
			v1beta1.ConditionReady: v1beta1.ReasonPodsUpdating + ": " + kept, v1beta1.ConditionReconciling: v1beta1.ReasonPodsUpdating + ": " + kept}},
		"after it": {11 * time.Minute, map[string]string{
			v1beta1.ConditionReady:   v1beta1.ReasonProgressDeadlineExceeded + ": No progress for more than 600 s. " + kept + " " + wayAroundBudgets,
			v1beta1.ConditionStalled: v1beta1.ReasonProgressDeadlineExceeded + ": " + kept + " " + wayAroundBudgets}},
	} {
		t.Run(name, func(t *testing.T) {
			then := w.now
			defer func() { w.now = then }()
			w.now = w.now.Add(test.after)
			plan := w.plan()
			got := map[string]string{}
			for _, c := range statusOf(w.snapshotOf(plan), plan, &Outcome{Updated: plan.Updates}).Conditions {
				if c.Type == v1beta1.ConditionReady || c.Type == v1beta1.ConditionReconciling || c.Type == v1beta1.ConditionStalled {
					got[c.Type] = c.Reason + ": " + c.Message
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}
