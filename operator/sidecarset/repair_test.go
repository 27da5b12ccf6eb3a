// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// goes are the evictions that are carried out when the API server refuses none.
func goes(plan *Plan) []EvictPod {
	return carriedOut(plan, func(EvictPod) error { return nil })
}

// carriedOut are those that are carried out when it answers like this.
func carriedOut(plan *Plan, answer func(EvictPod) error) []EvictPod {
	var out []EvictPod
	round := newRound(plan)
	for batch := round.next(16); len(batch) > 0; batch = round.next(16) {
		for _, e := range batch {
			err := answer(e)
			if round.answered(e, err) == refusal.None {
				out = append(out, e)
			}
		}
	}
	return out
}

// evicted names them.
func evicted(plan *Plan) []string {
	var out []string
	for _, e := range goes(plan) {
		out = append(out, e.Pod.Name)
	}
	return out
}

// of gives the Pod a controller.
func of(pod *corev1.Pod, kind, name string) *corev1.Pod {
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: types.UID(name), Controller: ptr.To(true)}}
	return pod
}

// repairing is a set that asks for repair.
func repairing() *build.SidecarSetBuilder {
	return build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.RepairPolicy = v1beta1.RepairRecreate })
}

var (
	budgetKeeps = apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 10)
	policyKeeps = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "a", fmt.Errorf("ValidatingAdmissionPolicy 'keep' denied request"))
)

func refusedEviction(object types.UID, err error, at time.Time) refusal.Known {
	m := refusal.NewMemory()
	m.Note(client.ObjectKey{Name: "s"}, object, evictWrite, err, at)
	return m.Recent(client.ObjectKey{Name: "s"}, at)
}

func TestRepair(t *testing.T) {
	after := build.Epoch.Add(30 * time.Minute)
	// ago is an eviction from ReplicaSet rs, whose Pod a was the only one.
	ago := Evicted{Pod: "gone", Owner: "rs", At: after, Served: true, Newest: metav1.NewTime(after), Twins: []types.UID{"gone", "twin"}}
	for name, test := range map[string]struct {
		set      *build.SidecarSetBuilder
		injected int
		play     func(w *rollout)
		with     func(s *Snapshot)
		want     []string
	}{
		"within maxUnavailable": {injected: 1, play: func(w *rollout) { w.bare("a"); w.bare("b") }, want: []string{"a"}},
		"nothing while maxUnavailable is 0": {
			set: repairing().MaxUnavailable("0"), injected: 1, play: func(w *rollout) { build.SetReady(w.bare("a"), false, w.now) },
		},
		"nothing without repairPolicy": {set: build.MakeSidecarSet("s"), injected: 1, play: func(w *rollout) { w.bare("a") }},
		"nothing while injection is paused": {
			set: repairing().Spec(func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Paused = true }), injected: 1, play: func(w *rollout) { w.bare("a") },
		},
		"no Pod of a pipeline's run":  {injected: 1, play: func(w *rollout) { of(w.bare("a"), "TaskRun", "run") }},
		"no Pod without a controller": {injected: 1, play: func(w *rollout) { w.bare("a").OwnerReferences = nil }},
		"no Pod whose own container has the sidecar's name, however many share its fate": {
			set: repairing().MaxUnavailable("5"), injected: 1,
			play: func(w *rollout) {
				for _, name := range []string{"a", "b"} {
					pod := w.bare(name)
					pod.Spec.Containers[0].Name = "agent"
				}
				w.bare("c")
			},
			want: []string{"c"},
		},
		"no Pod that opts out": {injected: 1, play: func(w *rollout) { w.bare("a").Labels[v1beta1.SidecarInjectionKey] = "false" }},
		"no Pod that the webhook has left this version out of": {
			injected: 1,
			play: func(w *rollout) {
				w.bare("a").Annotations = map[string]string{v1beta1.SidecarSetOmittedAnnotation: omittedRecord("InvalidPod", w.set.Status.LatestRevision)}
			},
		},
		"a Pod that the webhook has left an earlier version out of": {
			injected: 1,
			play: func(w *rollout) {
				w.bare("a").Annotations = map[string]string{v1beta1.SidecarSetOmittedAnnotation: omittedRecord("InvalidPod", "s-0")}
			},
			want: []string{"a"},
		},
		"a single one as long as nothing shows that it helps": {
			set: repairing().MaxUnavailable("5"), play: func(w *rollout) { w.bare("a"); w.bare("b") }, want: []string{"a"},
		},
		"no second one before the first has a successor": {
			set: repairing().MaxUnavailable("5"), play: func(w *rollout) { w.bare("b") },
			with: func(s *Snapshot) {
				s.Evicted = []Evicted{{Pod: "a", Owner: "rs", Served: true, At: s.Now, Newest: metav1.NewTime(build.Epoch)}}
			},
		},
		"none of a controller whose new Pod came without sidecars too": {
			set: repairing().MaxUnavailable("5"), injected: 1,
			play: func(w *rollout) {
				w.bare("a")
				w.bare("new").CreationTimestamp = metav1.NewTime(after.Add(time.Minute))
			},
			with: func(s *Snapshot) { s.Evicted = []Evicted{ago} },
		},
		"not even when it came within the same second": {
			set: repairing().MaxUnavailable("5"), injected: 1,
			play: func(w *rollout) { w.bare("a"); w.bare("new").CreationTimestamp = metav1.NewTime(after) },
			with: func(s *Snapshot) { s.Evicted = []Evicted{ago} },
		},
		"not even when our clock is ahead of the API server's": {
			set: repairing().MaxUnavailable("5"), injected: 1,
			play: func(w *rollout) {
				w.bare("a")
				w.bare("new").CreationTimestamp = metav1.NewTime(after.Add(time.Second))
			},
			with: func(s *Snapshot) {
				ahead := ago
				ahead.At = after.Add(time.Minute)
				s.Evicted = []Evicted{ahead}
			},
		},
		"one of a controller whose other Pod was there in the second of the eviction": {
			injected: 1,
			play: func(w *rollout) {
				twin := w.bare("twin")
				twin.CreationTimestamp, twin.UID = metav1.NewTime(after), "twin"
			},
			with: func(s *Snapshot) {
				old := ago
				old.At = s.Now.Add(-10 * time.Minute)
				s.Evicted = []Evicted{old}
			},
			want: []string{"twin"},
		},
		"none of a controller that was found to make them in vain": {
			set: repairing().MaxUnavailable("5"), injected: 1, play: func(w *rollout) { w.bare("a"); of(w.bare("b"), "ReplicaSet", "other") },
			with: func(s *Snapshot) { s.Futile = map[types.UID]bool{"rs": true} },
			want: []string{"b"},
		},
		"within maxUnavailable though a Pod was never scheduled": {
			injected: 1,
			play: func(w *rollout) {
				w.bare("a")
				lost := w.bare("lost")
				lost.OwnerReferences, lost.Spec.NodeName, lost.Status = nil, "", corev1.PodStatus{Phase: corev1.PodPending}
			},
			want: []string{"a"},
		},
		"within maxUnavailable though Pods with the sidecars are down for reasons of their own": {
			injected: 3,
			play: func(w *rollout) {
				for _, pod := range w.pods {
					build.SetReady(pod, false, w.now)
				}
				w.bare("a")
			},
			want: []string{"a"},
		},
		"those that do not serve for nothing": {
			injected: 1,
			play: func(w *rollout) {
				of(w.bare("a"), "ReplicaSet", "other")
				for _, name := range []string{"x", "y"} {
					build.SetReady(w.bare(name), false, w.now)
				}
			},
			want: []string{"x", "y", "a"},
		},
		"not the last one of a workload that serves": {
			injected: 1,
			play: func(w *rollout) {
				w.bare("a")
				for _, name := range []string{"x", "y"} {
					build.SetReady(w.bare(name), false, w.now)
				}
			},
			want: []string{"x", "y"},
		},
		"none while a successor is not ready": {
			injected: 1,
			play: func(w *rollout) {
				w.bare("a")
				fresh := of(w.addPod("fresh", 31*time.Minute), "ReplicaSet", "rs")
				build.SetReady(fresh, false, w.now)
			},
			with: func(s *Snapshot) { s.Evicted = []Evicted{ago} },
		},
		"and it is the Pod's own affair when it did not serve before either": {
			injected: 1,
			play: func(w *rollout) {
				w.bare("a")
				build.SetReady(of(w.addPod("fresh", 31*time.Minute), "ReplicaSet", "rs"), false, w.now)
			},
			with: func(s *Snapshot) {
				free := ago
				free.Served = false
				s.Evicted = []Evicted{free}
			},
			want: []string{"a"},
		},
		"none while a Pod that came just before the operator began may be a successor": {
			injected: 1,
			play: func(w *rollout) {
				w.bare("a")
				build.SetReady(of(w.addPod("fresh", 58*time.Minute), "ReplicaSet", "rs"), false, w.now)
			},
			with: func(s *Snapshot) { s.Watched = s.Now },
		},
		"one of each controller before a second one of any": {
			set: repairing().MaxUnavailable("3"), injected: 1,
			play: func(w *rollout) {
				for i := range 3 {
					w.bare(fmt.Sprint("a", i))
					of(w.bare(fmt.Sprint("b", i)), "ReplicaSet", "other")
				}
			},
			want: []string{"a0", "b0", "a1"},
		},
		"none while no webhook would inject": {
			injected: 1, play: func(w *rollout) { w.bare("a") }, with: func(s *Snapshot) { s.WebhookAway = "no replica is ready" },
		},
		"others than those that a budget protects": {
			injected: 1, play: func(w *rollout) { w.bare("a"); w.bare("b"); of(w.bare("z"), "ReplicaSet", "other") },
			with: func(s *Snapshot) { s.Refusals = refusedEviction("rs", budgetKeeps, s.Now) },
			want: []string{"z"},
		},
		"those again after ten seconds": {
			injected: 1, play: func(w *rollout) { w.bare("a") },
			with: func(s *Snapshot) { s.Refusals = refusedEviction("rs", budgetKeeps, s.Now.Add(-10*time.Second)) },
			want: []string{"a"},
		},
		"but after all others": {
			injected: 1, play: func(w *rollout) { w.bare("a"); of(w.bare("z"), "ReplicaSet", "other") },
			with: func(s *Snapshot) { s.Refusals = refusedEviction("rs", budgetKeeps, s.Now.Add(-10*time.Second)) },
			want: []string{"z"},
		},
		"the siblings of a Pod that a policy protects": {
			injected: 1, play: func(w *rollout) { w.bare("a"); w.bare("b") },
			with: func(s *Snapshot) { s.Refusals = refusedEviction("a-uid", policyKeeps, s.Now) },
			want: []string{"b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.set == nil {
				test.set = repairing()
			}
			w := newRollout(t, test.injected, test.set)
			test.play(w)
			s := w.snapshot()
			if test.with != nil {
				test.with(s)
			}
			plan, err := makePlan(s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, evicted(plan)); diff != "" {
				t.Errorf("evicted (-want +got):\n%s\nrepair: %s", diff, plan.Repair)
			}
		})
	}
}

// A refused eviction has taken nothing down, so the next one goes in its place.
func TestWhoGoesInPlaceOfAPodThatMayNotBeEvicted(t *testing.T) {
	candidate := func(name, owner string, free bool) EvictPod {
		return EvictPod{Pod: of(build.MakePod(name).Obj(), "ReplicaSet", owner), NotServing: free}
	}
	three := []EvictPod{candidate("a0", "a", false), candidate("b0", "b", false), candidate("c0", "c", false), candidate("a1", "a", false)}
	for name, test := range map[string]struct {
		plan    Plan
		answers map[string]error
		want    []string
	}{
		"nobody, when all is well":                {Plan{Evictions: three, EvictBudget: 1}, nil, []string{"a0"}},
		"the next one":                            {Plan{Evictions: three, EvictBudget: 1}, map[string]error{"a0": policyKeeps}, []string{"b0"}},
		"the one after that":                      {Plan{Evictions: three, EvictBudget: 1}, map[string]error{"a0": policyKeeps, "b0": budgetKeeps}, []string{"c0"}},
		"a sibling, of a Pod that a policy keeps": {Plan{Evictions: three, EvictBudget: 3}, map[string]error{"a0": policyKeeps}, []string{"b0", "c0", "a1"}},
		"no sibling, where a budget keeps it":     {Plan{Evictions: three, EvictBudget: 3}, map[string]error{"a0": budgetKeeps}, []string{"b0", "c0"}},
		"the next one as a probe":                 {Plan{Evictions: three, EvictBudget: 1, Probe: true}, map[string]error{"a0": budgetKeeps}, []string{"b0"}},
		"nobody, of one that is gone":             {Plan{Evictions: three[:1], EvictBudget: 1}, map[string]error{"a0": apierrors.NewNotFound(schema.GroupResource{}, "a0")}, nil},
		"nobody, when nobody knows what became of it": {
			Plan{Evictions: three, EvictBudget: 1}, map[string]error{"a0": apierrors.NewTimeoutError("it took too long", 1)}, nil,
		},
		"no second probe that costs nothing": {
			Plan{Evictions: []EvictPod{candidate("x", "x", true), candidate("y", "y", true), candidate("a0", "a", false)}, EvictBudget: 1, Probe: true}, nil, []string{"x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range carriedOut(&test.plan, func(e EvictPod) error { return test.answers[e.Pod.Name] }) {
				got = append(got, e.Pod.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("evicted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARoundAsksForFewEvictionsThatAreRefused(t *testing.T) {
	plan := &Plan{EvictBudget: 1}
	for i := range 1000 {
		plan.Evictions = append(plan.Evictions, EvictPod{Pod: of(build.MakePod(fmt.Sprint("p", i)).Obj(), "ReplicaSet", fmt.Sprint("rs", i))})
	}
	asked := 0
	carriedOut(plan, func(EvictPod) error { asked++; return policyKeeps })
	if asked != evictionTries {
		t.Errorf("%d evictions were asked for in one round, want %d", asked, evictionTries)
	}
}
