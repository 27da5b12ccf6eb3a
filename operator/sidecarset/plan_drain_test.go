// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// drain is a rollout whose Pods leave service first.
type drain struct {
	*rollout
	t *testing.T
}

// hook holds Pods by a label, and marks them.
func drainHook(timeout int32) v1beta1.LifecycleHook {
	return v1beta1.LifecycleHook{LabelsHandler: map[string]string{"drained": "false"}, MarkPodNotReady: true, TimeoutSeconds: ptr.To(timeout)}
}

func newDrain(t *testing.T, n int, set *build.SidecarSetBuilder) *drain {
	t.Helper()
	d := &drain{newRollout(t, n, set), t}
	for _, pod := range d.pods {
		if pods.HasGate(pod, v1beta1.KruisePodReadyCondition) {
			build.HeldBy(pod, d.now)
		}
	}
	return d
}

// did is what a plan does, in the order in which it is written.
func did(plan *Plan) []string {
	var out []string
	for _, u := range plan.Updates {
		out = append(out, "update "+u.View.Pod.Name)
	}
	for _, h := range plan.Holds {
		verb := "let go of "
		if h.Begins != nil {
			verb = "hold "
		}
		for _, c := range h.Conditions {
			verb += string(c.Type) + "=" + string(c.Status) + " "
		}
		if h.Lifecycle != nil {
			verb += "state " + stateIn(*h.Lifecycle) + " "
		}
		if h.Timeout != "" {
			verb += "timeout "
		}
		out = append(out, verb+h.View.Pod.Name)
	}
	return out
}

// stateIn is what an annotation says of the one set that it is about.
func stateIn(text string) string {
	_, rest, found := strings.Cut(text, `"state":"`)
	if !found {
		return "none"
	}
	state, _, _ := strings.Cut(rest, `"`)
	return state
}

// step plans, carries the plan out as the executor does, and lets the kubelet see it.
func (d *drain) step() []string {
	d.t.Helper()
	plan := d.plan()
	carryOut(plan)
	for _, h := range plan.Holds {
		d.carryOutHold(h)
	}
	return did(plan)
}

func (d *drain) carryOutHold(h HoldPod) {
	pod := h.View.Pod
	for _, c := range h.Conditions {
		if has := pods.Condition(pod, c.Type); has != nil {
			*has = c
		}
	}
	if h.Lifecycle != nil {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, v1beta1.SidecarSetLifecycleAnnotation, *h.Lifecycle)
	}
}

// kubelets let all Pods run what their specs say, and be ready as their gates say.
func (d *drain) kubelets() {
	for _, pod := range d.pods {
		build.RunContainers(pod)
		open := !pods.IsFalse(pods.Condition(pod, v1beta1.KruisePodReadyCondition))
		if pods.Ready(pod) != open {
			build.SetReady(pod, open, d.now)
		}
	}
}

func (d *drain) expect(when string, want ...string) {
	d.t.Helper()
	if diff := cmp.Diff(want, d.step()); diff != "" {
		d.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

func (d *drain) later(by time.Duration) { d.now = d.now.Add(by) }

const (
	heldNow  = "hold KruisePodReady=False Ready=False "
	letGoNow = "let go of KruisePodReady=True "
)

func TestAPodLeavesServiceForItsGracePeriod(t *testing.T) {
	d := newDrain(t, 2, build.MakeSidecarSet("s").Grace(10))
	d.image("agent:2")
	d.expect("its turn has come", heldNow+"web-1")
	d.expect("it drains, and has its share", nilList...)
	if in := d.plan().HookIn; in != 10*time.Second {
		t.Errorf("looks again in %s", in)
	}
	d.kubelets()
	d.later(9 * time.Second)
	d.expect("it drains", nilList...)
	d.later(time.Second)
	d.expect("it has drained", "update web-1")
	d.expect("its container restarts", nilList...)
	d.kubelets()
	d.expect("its container is back", letGoNow+"web-1")
	d.kubelets()
	d.expect("it serves, so the next one goes", heldNow+"web-0")
}

var nilList []string

func TestAHookLetsGoAndTakesHoldAgain(t *testing.T) {
	d := newDrain(t, 2, build.MakeSidecarSet("s").Grace(10).Hook(drainHook(600)))
	d.image("agent:2")
	pod := d.pods[1]
	d.expect("its turn has come", "hold KruisePodReady=False Ready=False state PreparingUpdate web-1")
	d.kubelets()
	d.later(time.Minute)
	d.expect("its hook has not let go", nilList...)
	if w := d.plan().Waiting; len(w) == 0 || w[0].Reason != v1beta1.WaitingHook {
		t.Errorf("waits for %+v", w)
	}
	pod.Labels["drained"] = "true"
	d.expect("its hook has let go", "update web-1")
	if state := stateIn(pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation]); state != "Updating" {
		t.Errorf("state %s with the update", state)
	}
	d.kubelets()
	d.expect("its container is back", "let go of KruisePodReady=True state Updated web-1")
	d.kubelets()
	d.later(time.Minute)
	d.expect("its hook has not taken hold of it again", nilList...)
	if charged(d.snapshot(), sidecar.NewView(pod, d.compiled())) != true {
		t.Error("it has given its share back")
	}
	pod.Labels["drained"] = "false"
	d.expect("it is hooked again, so the next one goes", "hold KruisePodReady=False Ready=False state PreparingUpdate web-0")
}

// Nobody waits for ever for a program that is broken.
func TestAHookThatDoesNothingInTime(t *testing.T) {
	d := newDrain(t, 2, build.MakeSidecarSet("s").Hook(drainHook(30)))
	d.image("agent:2")
	d.expect("its turn has come", "hold KruisePodReady=False Ready=False state PreparingUpdate web-1")
	d.kubelets()
	d.later(29 * time.Second)
	d.expect("it has time", nilList...)
	d.later(time.Second)
	d.expect("its time is over", "let go of KruisePodReady=True state Normal timeout web-1")
	d.kubelets()
	plan := d.plan()
	if diff := cmp.Diff([]string{"hold KruisePodReady=False Ready=False state PreparingUpdate web-0"}, did(plan)); diff != "" {
		t.Errorf("the other one goes (-want +got):\n%s", diff)
	}
	reasons := map[string]int{}
	for _, w := range plan.Waiting {
		reasons[w.Reason] += len(w.Pods)
	}
	if diff := cmp.Diff(map[string]int{v1beta1.WaitingHook: 1, v1beta1.WaitingHookTimeout: 1}, reasons); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	d.pods = d.pods[1:]
	d.later(10*time.Minute - time.Second)
	if w := d.plan().Waiting; len(w) != 1 || w[0].Reason != v1beta1.WaitingHookTimeout {
		t.Errorf("before it is asked again it waits for %+v", w)
	}
	d.expect("it is left alone for 10 min", nilList...)
	d.later(time.Second)
	d.expect("it is asked again", "hold KruisePodReady=False Ready=False state PreparingUpdate web-1")
	d.pods[0].Labels["drained"] = "true"
	d.expect("its hook has let go at last", "update web-1")
	d.kubelets()
	d.expect("its container is back", "let go of KruisePodReady=True state Updated web-1")
	d.kubelets()
	d.later(30 * time.Second)
	d.expect("its hook does not take hold of it again", "let go of state none timeout web-1")
	if charged(d.snapshot(), sidecar.NewView(d.pods[0], d.compiled())) {
		t.Error("it has kept its share")
	}
}

// Whoever removes the label lets a Pod go on at once, also one whose hook timed out.
func TestAPodGoesOnWithoutWhatHeldIt(t *testing.T) {
	d := newDrain(t, 1, build.MakeSidecarSet("s").Hook(drainHook(30)))
	d.image("agent:2")
	d.step()
	d.later(30 * time.Second)
	d.step()
	d.kubelets()
	d.pods[0].Labels["drained"] = "by hand"
	d.expect("it is not hooked", heldNow+"web-0")
}

// A Pod that could not be taken out of service waits for nothing: it serves on.
func TestAPodThatCannotLeaveServiceIsRefusedAndDoesNotDrain(t *testing.T) {
	d := newDrain(t, 1, build.MakeSidecarSet("s").Container("agent", "agent:1").MaxUnavailable("1").Grace(10))
	d.image("agent:2")
	plan := d.plan()
	outcome := &Outcome{Refused: []Refused{{*plan.Holds[0].Begins, writeUpdate, byPolicy(nil)}}}
	status := statusOf(d.snapshot(), plan, outcome)
	if len(status.Waiting) > 0 {
		t.Errorf("Pods wait: %+v", status.Waiting)
	}
	if message := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady).Message; strings.Contains(message, "Later:") {
		t.Errorf("Ready says %q", message)
	}
}

// What stands in a Pod says what comes next, whoever put it there and whatever has become of the set.
func TestWhatComesNextForAPodOutOfService(t *testing.T) {
	const v2 = "agent:2"
	begun := func(d *drain) { d.image(v2); d.step(); d.kubelets(); d.later(time.Minute) }
	written := func(d *drain) { begun(d); d.pods[0].Labels["drained"] = "true"; d.step() }
	spec := func(d *drain, change func(*v1beta1.SidecarSetSpec)) {
		d.set = d.set.DeepCopy()
		change(&d.set.Spec)
		d.set.Generation++
	}
	paused := func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.Paused = true }
	for name, test := range map[string]struct {
		given func(d *drain)
		want  []string
	}{
		"paused before it is written": {
			func(d *drain) { begun(d); spec(d, paused) }, []string{"let go of KruisePodReady=True state none web-0"}},
		"paused after its hook has let go, it is to be hooked again": {
			func(d *drain) { begun(d); d.pods[0].Labels["drained"] = "true"; spec(d, paused) },
			[]string{"let go of KruisePodReady=True state Updated web-0"}},
		"paused while it restarts": {func(d *drain) { written(d); spec(d, paused) }, nil},
		"paused, and its containers are back": {
			func(d *drain) { written(d); spec(d, paused); d.kubelets() }, []string{"let go of KruisePodReady=True state Updated web-0"}},
		"back to the version that it has": {
			func(d *drain) { begun(d); d.image("agent:1") }, []string{"let go of KruisePodReady=True state none web-0"}},
		"a newer version before it is written": {
			func(d *drain) { begun(d); d.image("agent:3"); d.pods[0].Labels["drained"] = "true" }, []string{"update web-0"}},
		"a newer version while it restarts": {func(d *drain) { written(d); d.image("agent:3") }, []string{"update web-0"}},
		"it is kept by the partition": {
			func(d *drain) {
				begun(d)
				spec(d, func(s *v1beta1.SidecarSetSpec) {
					s.UpdateStrategy.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"no": "such"}}
				})
			},
			[]string{"let go of KruisePodReady=True state none web-0"}},
		"the set has no hook any more": {
			func(d *drain) { begun(d); spec(d, func(s *v1beta1.SidecarSetSpec) { s.Lifecycle = nil }) }, []string{"update web-0"}},
		"the operator was stopped before the hook was asked": {
			func(d *drain) { begun(d); delete(d.pods[0].Annotations, v1beta1.SidecarSetLifecycleAnnotation) },
			[]string{"hold state PreparingUpdate web-0"}},
		"the operator was stopped before it noted that it is done": {
			func(d *drain) { written(d); build.HeldBy(d.pods[0], d.now); d.kubelets() }, []string{"let go of state Updated web-0"}},
		"the set does not match it any more": {
			func(d *drain) { begun(d); d.strays = true }, []string{"let go of KruisePodReady=True state none web-0"}},
		"another set holds it too": {
			func(d *drain) { begun(d); spec(d, paused); build.HeldBy(d.pods[0], d.now, "s", "other") },
			[]string{"let go of KruisePodReady=False state none web-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDrain(t, 1, build.MakeSidecarSet("s").Hook(drainHook(600)))
			test.given(d)
			if diff := cmp.Diff(test.want, did(d.plan())); diff != "" {
				t.Errorf("next (-want +got):\n%s", diff)
			}
		})
	}
}

// Only a change that stops a container of a Pod that serves takes it out of service.
func TestWhoDoesNotLeaveService(t *testing.T) {
	hot := func(s *v1beta1.SidecarSetSpec) {
		s.Containers = []v1beta1.SidecarContainer{{
			Container:       corev1.Container{Name: "agent", Image: "agent:1"},
			UpgradeStrategy: v1beta1.SidecarContainerUpgradeStrategy{UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1"},
		}}
	}
	for name, test := range map[string]struct {
		set     *build.SidecarSetBuilder
		given   func(d *drain)
		want    []string
		ungated int
	}{
		"it serves":                     {build.MakeSidecarSet("s").Grace(5), func(*drain) {}, []string{heldNow + "web-0"}, 0},
		"it does not serve":             {build.MakeSidecarSet("s").Grace(5), func(d *drain) { build.SetReady(d.pods[0], false, d.now) }, []string{"update web-0"}, 0},
		"it has no gate":                {build.MakeSidecarSet("s").Grace(5), func(d *drain) { d.pods[0].Spec.ReadinessGates = nil }, []string{"update web-0"}, 1},
		"its containers take turns":     {build.MakeSidecarSet("s").Grace(5).Spec(hot), func(*drain) {}, []string{"update web-0"}, 0},
		"the set asks for nothing":      {build.MakeSidecarSet("s"), func(*drain) {}, []string{"update web-0"}, 0},
		"it has no gate, and is hooked": {build.MakeSidecarSet("s").Hook(drainHook(600)), func(d *drain) { d.pods[0].Spec.ReadinessGates = nil }, []string{"hold state PreparingUpdate web-0"}, 1},
		"another set holds it":          {build.MakeSidecarSet("s").Grace(5), func(d *drain) { build.HeldBy(d.pods[0], d.now, "other") }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDrain(t, 1, test.set)
			test.given(d)
			d.image("agent:2")
			plan := d.plan()
			if diff := cmp.Diff(test.want, did(plan)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if plan.Ungated != test.ungated {
				t.Errorf("%d without the gate, want %d", plan.Ungated, test.ungated)
			}
		})
	}
}

// Whoever may write to a Pod may write any time into what is recorded of its hooks. A time to come ends no waiting, so that
// such a Pod would keep its share of the budgets for ever.
func TestATimeToComeKeepsNoPodWaiting(t *testing.T) {
	for state, test := range map[v1beta1.LifecycleStateType]struct {
		given func(d *drain)
		want  []string
	}{
		v1beta1.LifecycleStatePreparingUpdate: {
			func(d *drain) { d.image("agent:2"); d.step(); d.kubelets() },
			[]string{"let go of KruisePodReady=True state Normal timeout web-0"},
		},
		v1beta1.LifecycleStateNormal: {
			func(d *drain) { d.image("agent:2") }, []string{"hold KruisePodReady=False Ready=False state PreparingUpdate web-0"},
		},
		v1beta1.LifecycleStateUpdated: {
			func(d *drain) { d.pods[0].Labels["drained"] = "true" }, []string{"let go of state none timeout web-0"},
		},
	} {
		t.Run(string(state), func(t *testing.T) {
			d := newDrain(t, 1, build.MakeSidecarSet("s").Hook(drainHook(600)))
			test.given(d)
			text, err := d.compiled().LifecycleText(sidecar.NewView(d.pods[0], d.compiled()), state, metav1.NewTime(d.now.AddDate(50, 0, 0)))
			if err != nil {
				t.Fatal(err)
			}
			metav1.SetMetaDataAnnotation(&d.pods[0].ObjectMeta, v1beta1.SidecarSetLifecycleAnnotation, text)
			d.expect("a time in 50 years", test.want...)
		})
	}
}

// Whether a Pod that was let go returns to service nobody can tell while its node does not report.
func TestAPodThatReturnsOnALostNodeKeepsNobodyWaiting(t *testing.T) {
	d := newDrain(t, 2, build.MakeSidecarSet("s").Grace(10))
	d.image("agent:2")
	d.step()
	d.kubelets()
	build.HeldBy(d.pods[1], d.now) // paused and gone on: it was let go, and its kubelet has not seen that
	ready := pods.Condition(d.pods[1], corev1.PodReady)
	ready.Reason = podready.ReasonNotReady
	d.pods[1].Spec.NodeName = "lost"
	if view := sidecar.NewView(d.pods[1], d.compiled()); !view.Returning() {
		t.Fatal("it does not return")
	}
	d.expect("its node reports", nilList...)
	d.lost = sets.New("lost")
	d.expect("its node does not", "update web-1", heldNow+"web-0")
}

// A Pod that drains for as long as its set says is no lack of progress.
func TestTheDeadlineLeavesTimeToDrain(t *testing.T) {
	d := newDrain(t, 1, build.MakeSidecarSet("s").Grace(900))
	d.image("agent:2")
	d.step()
	d.kubelets()
	d.later(14 * time.Minute)
	s := d.snapshot()
	p := newProgress(s, d.plan(), &Outcome{})
	if p.watch(s, &metav1.Time{Time: d.now.Add(-14 * time.Minute)}); p.overdue {
		t.Errorf("overdue after 14 min of 15: %s", p.next())
	}
	if p.watch(s, &metav1.Time{Time: d.now.Add(-26 * time.Minute)}); !p.overdue {
		t.Error("not overdue after 26 min")
	}
}

// Who wants no deadline gives it the largest number.
func TestTheLongestDeadlineIsNeverOver(t *testing.T) {
	d := newDrain(t, 1, build.MakeSidecarSet("s").Grace(10))
	d.image("agent:2")
	d.set.Spec.ProgressDeadlineSeconds = ptr.To[int32](math.MaxInt32)
	s := d.snapshot()
	p := newProgress(s, d.plan(), &Outcome{})
	if left := p.watch(s, &metav1.Time{Time: d.now}); p.overdue || left <= 0 {
		t.Errorf("overdue %t, left %s", p.overdue, left)
	}
}
