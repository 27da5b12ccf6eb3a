// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// carriedAllOut is the outcome of a plan with which everything went well.
func carriedAllOut(plan *Plan) *Outcome {
	return &Outcome{Owned: plan.Own, Created: plan.Create, Deleted: plan.Delete, Changed: plan.Change, Claimed: plan.Claims}
}

// judged is what the set would say after an outcome, without that being stored.
func (w *world) judged(outcome func(plan *Plan) *Outcome) *v1beta1.StatefulSetStatus {
	w.T.Helper()
	w.cache.Sync()
	s := w.snapshot()
	plan, err := makePlan(s)
	if err != nil {
		w.T.Fatal(err)
	}
	status, _ := makeStatus(s, plan, outcome(plan))
	return status
}

// said is the condition of a type as "Status Reason: message", "" when there is none.
func (w *world) said(status *v1beta1.StatefulSetStatus, kind string) string {
	c := meta.FindStatusCondition(status.Conditions, kind)
	if c == nil {
		return ""
	}
	update := "<" + w.set("web").Spec.Template.Spec.Containers[0].Image + ">" // it may not be recorded yet
	return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, w.short(strings.ReplaceAll(c.Message, status.UpdateRevision, update)))
}

func TestCountersAreThoseAfterTheOutcome(t *testing.T) {
	web := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }
	// counters are replicas, ready, available; of these at currentRevision, and at updateRevision all, ready and
	// available.
	type counters struct{ Replicas, Ready, Available, Current, Updated, UpdatedReady, UpdatedAvailable int32 }
	for name, test := range map[string]struct {
		start   func(t *testing.T) *world
		outcome func(plan *Plan) *Outcome
		want    counters
	}{
		"Pods just created are there, at their revision": {
			start: func(t *testing.T) *world { return newWorld(t, web().Parallel()) },
			want:  counters{Replicas: 3, Current: 3, Updated: 3},
		},
		"Pods that could not be created are not": {
			start: func(t *testing.T) *world { return newWorld(t, web().Parallel()) },
			outcome: func(plan *Plan) *Outcome {
				return &Outcome{Created: plan.Create[:1], CreateErrors: []error{errors.New("quota")}}
			},
			want: counters{Replicas: 1, Current: 1, Updated: 1},
		},
		"a Pod just deleted counts as a replica and nothing else": {
			start: func(t *testing.T) *world { w := settled(t, web()); w.image("app:2"); return w },
			want:  counters{Replicas: 3, Ready: 2, Available: 2, Current: 2},
		},
		"so does a Pod that takes long to go": {
			start: func(t *testing.T) *world {
				w := settled(t, web())
				w.deletePod("web-1")
				return w
			},
			want: counters{3, 2, 2, 2, 2, 2, 2},
		},
		"a Pod just updated in place counts as updated and does not serve": {
			start: func(t *testing.T) *world { w := settled(t, web().InPlace()); w.image("app:2"); return w },
			want:  counters{Replicas: 3, Ready: 2, Available: 2, Current: 2, Updated: 1},
		},
		"one without a readiness gate is not ready either": {
			start: func(t *testing.T) *world {
				w := settled(t, web())
				w.rolling("in place", func(r *v1beta1.RollingUpdateStatefulSetStrategy) {
					r.PodUpdatePolicy = v1beta1.InPlaceIfPossiblePodUpdatePolicy
				})
				w.image("app:2")
				return w
			},
			want: counters{Replicas: 3, Ready: 2, Available: 2, Current: 2, Updated: 1},
		},
		"one whose containers keep running serves": {
			start: func(t *testing.T) *world {
				w := settled(t, web().InPlace())
				w.edit("label", func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels["tier"] = "gold" })
				return w
			},
			want: counters{3, 3, 3, 2, 1, 1, 1},
		},
		"one that is being resized is ready and not available": {
			start: func(t *testing.T) *world {
				cpu := func(amount string) corev1.ResourceRequirements {
					return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}}
				}
				w := settled(t, web().InPlace().Spec(func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Resources = cpu("1") }))
				w.edit("cpu", func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Resources = cpu("2") })
				return w
			},
			want: counters{3, 3, 2, 2, 1, 1, 0},
		},
		"one that waits for a hook is ready and not available": {
			start: func(t *testing.T) *world {
				w := settled(t, web().PreDelete(hook()))
				w.hold(finalizer, "web-2")
				w.replicas(2)
				return w
			},
			want: counters{3, 3, 2, 3, 3, 3, 2},
		},
		"a change that came too late counts for nothing": {
			start:   func(t *testing.T) *world { w := settled(t, web().InPlace()); w.image("app:2"); return w },
			outcome: func(*Plan) *Outcome { return &Outcome{Stale: 1} },
			want:    counters{Replicas: 3, Ready: 3, Available: 3, Current: 3},
		},
		"a Pod that has not been Ready for long is not available": {
			start: func(t *testing.T) *world {
				w := settled(t, web().Spec(func(spec *v1beta1.StatefulSetSpec) { spec.MinReadySeconds = 30 }))
				w.changePod("web-0", func(pod *corev1.Pod) { build.SetReady(pod, true, w.Now()) })
				return w
			},
			want: counters{3, 3, 2, 3, 3, 3, 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := test.outcome
			if outcome == nil {
				outcome = carriedAllOut
			}
			s := test.start(t).judged(outcome)
			got := counters{s.Replicas, s.ReadyReplicas, s.AvailableReplicas, s.CurrentReplicas, s.UpdatedReplicas, s.UpdatedReadyReplicas, s.UpdatedAvailableReplicas}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("counters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCurrentRevisionFollowsWhenTheRolloutIsOver(t *testing.T) {
	web := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }
	deleteAll := func(w *world) {
		w.image("app:2")
		for _, pod := range w.Pods() {
			w.deletePod(pod.Name)
		}
		w.nodes()
		w.roll()
	}
	for name, test := range map[string]struct {
		set  *build.StatefulSetBuilder
		play func(w *world)
		want string
	}{
		"every Pod is updated and available": {web(), func(w *world) { w.image("app:2"); w.roll() }, "<app:2>"},
		"the last Pod does not serve yet":    {web().Replicas(1), func(w *world) { w.image("app:unready"); w.roll() }, "<app:1>"},
		"a Pod is left to go": {web().Replicas(1).PreDelete(hook()), func(w *world) {
			w.replicas(2)
			w.roll()
			w.hold(finalizer, "web-1")
			w.replicas(1)
			w.image("app:2")
			w.roll()
		}, "<app:1>"},
		"a partition is set": {web().Partition(1), func(w *world) { w.image("app:2"); w.roll() }, "<app:1>"},
		"a partition is set before the last Pod serves": {web(), func(w *world) {
			w.image("app:2")
			for range 6 {
				w.once()
			}
			w.rolling("partition 1", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Partition = ptr.To[int32](1) })
			w.roll()
		}, "<app:1>"},
		"OnDelete, all deleted": {web().OnDelete(), deleteAll, "<app:2>"},
		"no Pods are wanted":    {web().Replicas(0), func(w *world) { w.image("app:2"); w.roll() }, "<app:2>"},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, test.set)
			test.play(w)
			if got := w.short(w.set("web").Status.CurrentRevision); got != test.want {
				t.Errorf("currentRevision %s, want %s", got, test.want)
			}
		})
	}
}

func TestClaimsAreCountedForEachTemplate(t *testing.T) {
	grow := func(w *world) { w.growClaims("2Gi") }
	status := func(compatible, ready int32) []v1beta1.VolumeClaimStatus {
		return []v1beta1.VolumeClaimStatus{{VolumeClaimName: "data", CompatibleReplicas: compatible, CompatibleReadyReplicas: ready}}
	}
	for name, test := range map[string]struct {
		start func(t *testing.T) *world
		want  []v1beta1.VolumeClaimStatus
	}{
		"claims just made ask for enough": {
			func(t *testing.T) *world {
				return newWorld(t, build.MakeStatefulSet("web").Parallel().Claim("data", "1Gi"))
			}, status(3, 0),
		},
		"claims that have what they ask for": {
			func(t *testing.T) *world { return settled(t, build.MakeStatefulSet("web").Claim("data", "1Gi")) }, status(3, 3),
		},
		"the template asks for more": {
			func(t *testing.T) *world {
				w := settled(t, build.MakeStatefulSet("web").Claim("data", "1Gi"))
				grow(w)
				return w
			}, status(0, 0),
		},
		"the first claim is asked to grow": {
			func(t *testing.T) *world {
				w := settled(t, build.MakeStatefulSet("web").Claim("data", "1Gi").GrowClaims())
				grow(w)
				return w
			}, status(1, 0),
		},
		"claims of Pods that are gone do not count": {
			func(t *testing.T) *world {
				w := settled(t, build.MakeStatefulSet("web").Claim("data", "1Gi"))
				w.replicas(1)
				w.roll()
				return w
			}, status(1, 1),
		},
		"no templates": {func(t *testing.T) *world { return settled(t, build.MakeStatefulSet("web")) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.start(t).judged(carriedAllOut).VolumeClaims); diff != "" {
				t.Errorf("volumeClaims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSmallFieldsOfTheStatus(t *testing.T) {
	w := newWorld(t, build.MakeStatefulSet("web").Spec(func(spec *v1beta1.StatefulSetSpec) {
		spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"web", "www"}}}
	}))
	collided := w.judged(func(*Plan) *Outcome { return &Outcome{Collided: true} })
	type fields struct {
		ObservedGeneration int64
		LabelSelector      string
		CollisionCount     int32
	}
	want := fields{1, "app=web,app in (web,www)", 1}
	if diff := cmp.Diff(want, fields{collided.ObservedGeneration, collided.LabelSelector, ptr.Deref(collided.CollisionCount, 0)}); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if meta.IsStatusConditionTrue(collided.Conditions, v1beta1.ConditionReady) {
		t.Error("a set whose revision could not be recorded is Ready")
	}
}

func TestTransitionTimesMoveWithTheStatusAlone(t *testing.T) {
	w := settled(t, build.MakeStatefulSet("web"))
	times := func() map[string]string {
		out := map[string]string{}
		for _, c := range w.set("web").Status.Conditions {
			out[c.Type] = c.LastTransitionTime.UTC().Format(time.TimeOnly)
		}
		return out
	}
	before := times()
	w.Clock.SetTime(w.Now().Add(time.Minute).Truncate(time.Second))
	began := w.Now().UTC().Format(time.TimeOnly)
	w.image("app:2")
	w.pass()
	w.nodes()
	w.Pass(time.Minute)
	w.pass()
	want := map[string]string{"Ready": began, "Reconciling": began, "Progressing": before["Progressing"], "Available": before["Available"]}
	if diff := cmp.Diff(want, times()); diff != "" {
		t.Errorf("transition times (-want +got):\n%s", diff)
	}
}

func TestProgressDeadline(t *testing.T) {
	w := settled(t, build.MakeStatefulSet("web").InPlace().Spec(func(spec *v1beta1.StatefulSetSpec) { spec.ProgressDeadlineSeconds = ptr.To[int32](60) }))
	w.Clock.SetTime(w.Now().Truncate(time.Second))
	type view struct {
		Ready    string
		Stalled  bool
		Deadline time.Duration
	}
	look := func() view {
		t.Helper()
		w.cache.Sync()
		s := w.snapshot()
		plan, err := makePlan(s)
		if err != nil {
			t.Fatal(err)
		}
		outcome := w.executor.apply(t.Context(), s.Set, plan)
		status, deadline := makeStatus(s, plan, outcome)
		if _, err := w.writeStatus(t.Context(), s.Set, status); err != nil {
			t.Fatal(err)
		}
		return view{meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady).Reason, meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled), deadline}
	}
	expect := func(when string, want view) {
		t.Helper()
		if diff := cmp.Diff(want, look()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	later := func(seconds int) { w.Pass(time.Duration(seconds) * time.Second) }
	expect("at rest", view{"Complete", false, 0})
	later(3600)
	expect("at rest for an hour", view{"Complete", false, 0})
	w.image("app:2")
	expect("the first Pod is changed", view{"PodsUpdating", false, 60 * time.Second})
	later(50)
	expect("it takes its time", view{"PodsUpdating", false, 10 * time.Second})
	w.nodes()
	expect("it is back in service", view{"PodsUpdating", false, 10 * time.Second})
	w.nodes()
	expect("it serves, and the next is changed", view{"PodsUpdating", false, 60 * time.Second})
	later(60)
	expect("that does not come back", view{"ProgressDeadlineExceeded", true, 0})
	later(3600)
	expect("it still does not", view{"ProgressDeadlineExceeded", true, 0})
	w.nodes()
	look()
	w.nodes()
	expect("it does", view{"PodsUpdating", false, 60 * time.Second})
	w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
	w.nodes()
	look()
	w.nodes()
	later(3600)
	expect("paused for an hour", view{"Paused", false, 0})
	w.Full = true
	w.replicas(4)
	expect("scaled up while paused", view{"ScalingUp", false, 60 * time.Second})
	w.nodes()
	later(60)
	expect("there is no room", view{"ProgressDeadlineExceeded", true, 0})
}

func TestMessagesNameFivePodsAndStayShort(t *testing.T) {
	w := newWorld(t, build.MakeStatefulSet("web").Replicas(40).Parallel())
	w.Full = true
	w.pass()
	w.nodes()
	w.deletePod("web-3")
	w.deletePod("web-4")
	status := w.judged(carriedAllOut)
	for _, c := range status.Conditions {
		names := 0
		for _, word := range strings.Fields(c.Message) {
			if strings.HasPrefix(strings.Trim(word, "(),.:"), "web-") {
				names++
			}
		}
		if names > 5 || len(c.Message) > 1024 || c.Message == "" {
			t.Errorf("%s: %d Pods in %d bytes: %s", c.Type, names, len(c.Message), c.Message)
		}
	}
	want := "False ScalingUp: Cannot run: web-0: no node takes it (Unschedulable); web-1: no node takes it (Unschedulable); web-2: no node takes it (Unschedulable); " +
		"web-5: no node takes it (Unschedulable); web-6: no node takes it (Unschedulable) and 33 more. " +
		"Waiting for Pods to be available: 2 Pods."
	if got := w.said(status, v1beta1.ConditionReady); got != want {
		t.Errorf("Ready: %s\nwant: %s", got, want)
	}
	long := w.judged(func(*Plan) *Outcome { return &Outcome{UpdateErrors: []error{errors.New(strings.Repeat("é", 2000))}} })
	for _, c := range long.Conditions {
		if len(c.Message) > 1024 || !utf8.ValidString(c.Message) {
			t.Errorf("%s: %d bytes", c.Type, len(c.Message))
		}
	}
}

func TestASetThatCannotBeReadSaysSo(t *testing.T) {
	set := build.MakeStatefulSet("web").Obj()
	set.Generation = 4
	set.Status.Replicas = 3
	set.Status.Conditions = []metav1.Condition{{Type: v1beta1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: "PodsUpdating"}}
	status := invalidStatus(set, errors.New(`spec.selector: "Like" is not a valid label selector operator`), metav1.NewTime(build.Epoch))
	condition := func(kind string, status metav1.ConditionStatus, message string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: v1beta1.ReasonInvalidSpec, Message: message, ObservedGeneration: 4, LastTransitionTime: metav1.NewTime(build.Epoch)}
	}
	since := metav1.NewTime(build.Epoch)
	want := &v1beta1.StatefulSetStatus{ObservedGeneration: 4, Replicas: 3, Summary: "Stalled: InvalidSpec", SummarySince: &since, Conditions: []metav1.Condition{
		condition("Ready", metav1.ConditionFalse, `StatefulSet default/web cannot be used until it is corrected: spec.selector: "Like" is not a valid label selector operator`),
		condition("Progressing", metav1.ConditionFalse, "Nothing is done until the spec is corrected."),
		condition("Stalled", metav1.ConditionTrue, `spec.selector: "Like" is not a valid label selector operator`),
	}}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
