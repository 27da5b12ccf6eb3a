// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// report is a status in short: conditions as "Type=Status Reason", without Progressing, which has a test of its own.
type summary struct {
	Matched, Updated, Ready, UpdatedReady, Uninjected int32
	Conditions                                        []string
}

func reportOf(status *v1beta1.SidecarSetStatus) summary {
	r := summary{Matched: status.MatchedPods, Updated: status.UpdatedPods, Ready: status.ReadyPods,
		UpdatedReady: status.UpdatedReadyPods, Uninjected: status.UninjectedPods}
	for _, c := range status.Conditions {
		if c.Type == v1beta1.ConditionProgressing {
			continue
		}
		r.Conditions = append(r.Conditions, c.Type+"="+string(c.Status)+" "+c.Reason)
	}
	return r
}

func TestStatus(t *testing.T) {
	set := func() *build.SidecarSetBuilder { return build.MakeSidecarSet("s") }
	const injected = "Injected=True AllPodsInjected"
	for name, test := range map[string]struct {
		rollout func(t *testing.T) *rollout
		outcome func(plan *Plan) *Outcome
		want    summary
	}{
		"a set without Pods is ready": {
			rollout: func(t *testing.T) *rollout { return newRollout(t, 0, set()) },
			want:    summary{Conditions: []string{"Ready=True NoPods", "Injected=True NoPods"}},
		},
		"all up to date": {
			rollout: func(t *testing.T) *rollout { return newRollout(t, 2, set()) },
			want:    summary{2, 2, 2, 2, 0, []string{"Ready=True Complete", injected}},
		},
		"a Pod just written counts as updated and not as ready": {
			rollout: func(t *testing.T) *rollout { return newRollout(t, 2, set()).image("agent:2") },
			outcome: func(plan *Plan) *Outcome { return &Outcome{Updated: plan.Updates} },
			want:    summary{2, 1, 1, 0, 0, []string{"Ready=False PodsUpdating", "Reconciling=True PodsUpdating", injected}},
		},
		"the kubelet has not finished": {
			rollout: func(t *testing.T) *rollout {
				w := newRollout(t, 1, set()).image("agent:2")
				carryOut(w.plan())
				return w
			},
			want: summary{1, 1, 0, 0, 0, []string{"Ready=False PodsUpdating", "Reconciling=True PodsUpdating", injected}},
		},
		"an application that is not ready is not the rollout's concern": {
			rollout: func(t *testing.T) *rollout {
				w := newRollout(t, 1, set())
				build.SetReady(w.pods[0], false, w.now)
				return w
			},
			want: summary{1, 1, 0, 0, 0, []string{"Ready=True Complete", injected}},
		},
		"paused rests": {
			rollout: func(t *testing.T) *rollout { return newRollout(t, 2, set().Paused()).image("agent:2") },
			want:    summary{2, 0, 2, 0, 0, []string{"Ready=True Paused", injected}},
		},
		"paused, with nothing left to do, is complete": {
			rollout: func(t *testing.T) *rollout { return newRollout(t, 2, set().Paused()) },
			want:    summary{2, 2, 2, 2, 0, []string{"Ready=True Complete", injected}},
		},
		"NotUpdate rests": {
			rollout: func(t *testing.T) *rollout {
				return newRollout(t, 1, set().Spec(func(s *v1beta1.SidecarSetSpec) {
					s.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
				})).image("agent:2")
			},
			want: summary{1, 0, 1, 0, 0, []string{"Ready=True NotUpdate", injected}},
		},
		"the partition is reached": {
			rollout: func(t *testing.T) *rollout { return newRollout(t, 2, set().Partition("2")).image("agent:2") },
			want:    summary{2, 0, 2, 0, 0, []string{"Ready=True PartitionReached", injected}},
		},
		"a change that cannot be made in place is named": {
			rollout: func(t *testing.T) *rollout {
				w := newRollout(t, 1, set())
				w.set = w.set.DeepCopy()
				w.set.Spec.Containers[0].Args = []string{"-v"}
				return w
			},
			want: summary{1, 0, 1, 0, 0, []string{"Ready=True Complete", "UpdateLimited=True UpdateImmutableField", injected}},
		},
		"a refused write is work to do": {
			rollout: func(t *testing.T) *rollout { return newRollout(t, 1, set()).image("agent:2") },
			outcome: func(*Plan) *Outcome {
				return &Outcome{Failed: []error{errors.New("quota exceeded")}}
			},
			want: summary{1, 0, 1, 0, 0, []string{"Ready=False PodsUpdating", "Reconciling=True PodsUpdating", injected}},
		},
		"Pods without sidecars are counted": {
			rollout: func(t *testing.T) *rollout {
				w := newRollout(t, 1, set())
				w.pods = append(w.pods, build.MakePod("bare").Label("app", "web").Obj())
				return w
			},
			want: summary{1, 1, 1, 1, 1, []string{"Ready=True Complete", "Injected=False PodsNotInjected"}},
		},
		"Pods that opted out are counted and are no fault": {
			rollout: func(t *testing.T) *rollout {
				w := newRollout(t, 0, set())
				w.pods = append(w.pods, build.MakePod("bare").Label("app", "web").Label(v1beta1.SidecarInjectionKey, "false").Obj())
				return w
			},
			want: summary{Uninjected: 1, Conditions: []string{"Ready=True Complete", "Injected=True NoPods"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.rollout(t)
			plan, outcome := w.plan(), &Outcome{}
			if test.outcome != nil {
				outcome = test.outcome(plan)
			}
			if diff := cmp.Diff(test.want, reportOf(statusOf(w.snapshotOf(plan), plan, outcome))); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func statusOf(s *Snapshot, plan *Plan, outcome *Outcome) *v1beta1.SidecarSetStatus {
	status, _ := makeStatus(s, plan, outcome)
	return status
}

// setStatus stores a status.
func (w *rollout) setStatus(status *v1beta1.SidecarSetStatus) *v1beta1.SidecarSetStatus {
	w.set = w.set.DeepCopy()
	w.set.Status = *status
	return status
}

// snapshotOf is a snapshot of the same views that the plan speaks of.
func (w *rollout) snapshotOf(plan *Plan) *Snapshot {
	s := w.snapshot()
	for _, u := range plan.Updates {
		for i := range s.Matched {
			if s.Matched[i].Pod == u.View.Pod {
				s.Matched[i] = u.View
			}
		}
	}
	return s
}

func TestConditionsKeepTheirTransitionTime(t *testing.T) {
	w := newRollout(t, 1, build.MakeSidecarSet("s"))
	first := w.now
	w.setStatus(statusOf(w.snapshot(), w.plan(), &Outcome{}))
	w.now = w.now.Add(time.Minute)
	w.image("agent:2")
	plan := w.plan()
	w.setStatus(statusOf(w.snapshotOf(plan), plan, &Outcome{Updated: plan.Updates}))

	got := map[string]time.Time{}
	for _, c := range w.set.Status.Conditions {
		got[c.Type] = c.LastTransitionTime.Time
		if c.ObservedGeneration != w.set.Generation {
			t.Errorf("%s speaks of generation %d, want %d", c.Type, c.ObservedGeneration, w.set.Generation)
		}
	}
	want := map[string]time.Time{"Ready": w.now, "Reconciling": w.now, "Progressing": first, "Injected": first}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("transition times (-want +got):\n%s", diff)
	}
}

func TestMessagesNameFivePodsAndStayShort(t *testing.T) {
	w := newRollout(t, 0, build.MakeSidecarSet("s"))
	for _, name := range []string{"p1", "p2", "p3", "p4", "p5", "p6", strings.Repeat("p", 2000)} {
		w.pods = append(w.pods, build.MakePod(name).Label("app", "web").Obj())
	}
	status := statusOf(w.snapshot(), w.plan(), &Outcome{})
	for _, c := range status.Conditions {
		if c.Type != v1beta1.ConditionInjected {
			continue
		}
		if !strings.Contains(c.Message, "7 Pods") || !strings.Contains(c.Message, "and 2 more") || len(c.Message) > 1024 {
			t.Errorf("message of %d bytes: %s", len(c.Message), c.Message)
		}
	}
}

func TestAtMostTwentyUninjectedPodsAreListed(t *testing.T) {
	w := newRollout(t, 0, build.MakeSidecarSet("s"))
	for i := range 25 {
		w.pods = append(w.pods, build.MakePod("p"+string(rune('a'+i))).Label("app", "web").Obj())
	}
	status := statusOf(w.snapshot(), w.plan(), &Outcome{})
	if len(status.Uninjected) != 20 || status.UninjectedPods != 25 {
		t.Errorf("%d listed of %d, want 20 of 25", len(status.Uninjected), status.UninjectedPods)
	}
	want := v1beta1.UninjectedPod{Namespace: "default", Name: "pa", Reason: v1beta1.ReasonCreatedBeforeSet}
	if diff := cmp.Diff(want, status.Uninjected[0]); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
}

// A rollout that gets stuck says so after the deadline, and not before.
func TestProgressDeadline(t *testing.T) {
	type conditions struct{ Ready, Reconciling, Progressing, Stalled string }
	w := newRollout(t, 2, build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.ProgressDeadlineSeconds = ptr.To[int32](60) }))
	var deadline time.Duration
	look := func() conditions {
		t.Helper()
		plan := w.plan()
		s := w.snapshotOf(plan)
		carryOut(plan)
		var status *v1beta1.SidecarSetStatus
		status, deadline = makeStatus(s, plan, &Outcome{Updated: plan.Updates})
		w.setStatus(status)
		out := conditions{}
		for kind, field := range map[string]*string{
			"Ready": &out.Ready, "Reconciling": &out.Reconciling, "Progressing": &out.Progressing, "Stalled": &out.Stalled,
		} {
			if c := meta.FindStatusCondition(status.Conditions, kind); c != nil {
				*field = string(c.Status) + " " + c.Reason
			}
		}
		return out
	}
	expect := func(step string, want conditions, wantDeadline time.Duration) {
		t.Helper()
		if diff := cmp.Diff(want, look()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
		if deadline != wantDeadline {
			t.Errorf("%s: look again in %s, want %s", step, deadline, wantDeadline)
		}
	}
	updating := conditions{"False PodsUpdating", "True PodsUpdating", "True PodsUpdating", ""}
	complete := conditions{"True Complete", "", "True Complete", ""}
	expect("at rest", complete, 0)
	w.now = w.now.Add(time.Hour)
	w.image("agent:2")
	expect("the first Pod is changed", updating, time.Minute)
	w.now = w.now.Add(50 * time.Second)
	expect("it takes its time", updating, 10*time.Second)
	build.RunContainers(w.pods[1])
	expect("it came back, the next is changed", updating, time.Minute)
	w.now = w.now.Add(60 * time.Second)
	expect("it does not come back", conditions{"False ProgressDeadlineExceeded", "", "False ProgressDeadlineExceeded", "True ProgressDeadlineExceeded"}, 0)
	w.now = w.now.Add(time.Hour)
	expect("it still does not", conditions{"False ProgressDeadlineExceeded", "", "False ProgressDeadlineExceeded", "True ProgressDeadlineExceeded"}, 0)
	build.RunContainers(w.pods[0])
	expect("it came back at last", complete, 0)
}

func TestAutoPauseRestsUntilThereIsANewVersion(t *testing.T) {
	w := newRollout(t, 3, build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.AutoPauseOnFailure = true }))
	step := func() *v1beta1.SidecarSetStatus {
		t.Helper()
		plan := w.plan()
		s := w.snapshotOf(plan)
		carryOut(plan)
		return w.setStatus(statusOf(s, plan, &Outcome{Updated: plan.Updates}))
	}
	w.image("agent:bad")
	step()
	broken := &w.pods[2].Status.ContainerStatuses[0]
	broken.Ready, broken.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
	build.SetReady(w.pods[2], false, w.now)
	if plan := w.plan(); plan.Broken != nil || plan.StatusIn != statusLag {
		t.Errorf("broken %+v, believed in %s: it was written to a moment ago", plan.Broken, plan.StatusIn)
	}
	w.now = w.now.Add(statusLag)

	status := step()
	stalled := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionStalled)
	if stalled == nil || stalled.Reason != v1beta1.ReasonAutoPaused || !strings.Contains(stalled.Message, "sidecar agent of Pod default/web-2 cannot run (image agent:bad: ImagePullBackOff)") {
		t.Errorf("stalled: %+v", stalled)
	}
	if status.AutoPausedRevision != status.LatestRevision {
		t.Errorf("auto-paused at %q, latest is %q", status.AutoPausedRevision, status.LatestRevision)
	}
	// A new version goes to the broken Pod. What the kubelet still says is about the version before, and must not set
	// the new one to rest.
	w.image("agent:4")
	step()
	if plan := w.plan(); plan.Hold == HoldAutoPaused {
		t.Error("the new version rests because of the one before")
	}
	w.now = w.now.Add(statusLag)
	status = step()
	if !meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled) {
		t.Error("the new version fails too, and does not rest")
	}
	// The Pod recovers; the rollout rests all the same.
	build.RunContainers(w.pods[2])
	broken.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	build.SetReady(w.pods[2], true, w.now)
	if plan := w.plan(); plan.Hold != HoldAutoPaused || len(plan.Updates) != 0 {
		t.Errorf("hold %q with %d updates, want it to rest", plan.Hold, len(plan.Updates))
	}
	w.image("agent:3")
	if plan := w.plan(); plan.Hold == HoldAutoPaused || len(plan.Updates) != 1 {
		t.Errorf("hold %q with %d updates, want a new version to go on", plan.Hold, len(plan.Updates))
	}
}

// A Pod that was created with the sidecars is its owner's concern: it must not make the set wait, and fail, with it.
func TestNewPodsDoNotMakeTheSetWait(t *testing.T) {
	w := newRollout(t, 2, build.MakeSidecarSet("s"))
	pending := w.addPod("pending", time.Hour)
	pending.Status = corev1.PodStatus{Phase: corev1.PodPending}
	w.setStatus(statusOf(w.snapshot(), w.plan(), &Outcome{}))
	w.now = w.now.Add(time.Hour)
	status := statusOf(w.snapshot(), w.plan(), &Outcome{})
	if !meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionReady) || meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled) {
		t.Errorf("conditions: %+v", status.Conditions)
	}
	if status.MatchedPods != 3 || status.ReadyPods != 2 {
		t.Errorf("matched %d, ready %d; want 3 and 2", status.MatchedPods, status.ReadyPods)
	}
}

func TestASetThatCannotBeReadSaysSo(t *testing.T) {
	object := build.MakeSidecarSet("s").Selector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}).Obj()
	_, err := sidecar.Compile(object)
	if err == nil {
		t.Fatal("the selector is accepted")
	}
	status := invalidStatus(object, err, metav1.NewTime(build.Epoch))
	stalled := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionStalled)
	if stalled == nil || stalled.Status != metav1.ConditionTrue || !strings.Contains(stalled.Message, `SidecarSet s: spec.selector: "Like" is not a valid label selector operator`) {
		t.Errorf("stalled: %+v", stalled)
	}
	if status.ObservedGeneration != object.Generation || meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionReady) {
		t.Errorf("status: %+v", status)
	}
}
