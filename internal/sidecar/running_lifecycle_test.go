// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// gatedStory is about a Pod of a set that drains, in service.
func gatedStory(t *testing.T) *story {
	t.Helper()
	s := newStory(t)
	s.set = compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Grace(10).
		Hook(v1beta1.LifecycleHook{LabelsHandler: map[string]string{"drained": "false"}}).Obj())
	s.pod = build.MakePod("p").New().Obj()
	inject(t, s.pod, s.set)
	build.HeldBy(s.pod, s.now)
	return s.running(true)
}

func (s *story) held(by ...string) *story {
	build.HeldBy(s.pod, s.now, by...)
	return s
}

func (s *story) hook(state v1beta1.LifecycleStateType) *story {
	s.t.Helper()
	text, err := s.set.LifecycleText(s.view(), state, metav1.NewTime(s.now))
	if err != nil {
		s.t.Fatal(err)
	}
	s.pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation] = text
	return s
}

func (s *story) view() *sidecar.View { return sidecar.NewView(s.pod, s.set) }

func TestAPodThatTheSetHoldsIsDisturbed(t *testing.T) {
	for name, test := range map[string]struct {
		story func(t *testing.T) *story
		want  bool
	}{
		"a Pod in service":                {gatedStory, false},
		"it drains":                       {func(t *testing.T) *story { return gatedStory(t).held("s") }, true},
		"another set's hold is not its":   {func(t *testing.T) *story { return gatedStory(t).held("other") }, false},
		"the kubelet has not seen it yet": {func(t *testing.T) *story { return gatedStory(t).held("s").ready(true) }, true},
		"it is changed, and not let go": {func(t *testing.T) *story {
			return gatedStory(t).held("s").later(time.Minute).update("agent:2").running(false)
		}, true},
		"it ended while it was held": {func(t *testing.T) *story { return gatedStory(t).held("s").ended("app", corev1.RestartPolicyNever, 0) }, false},
		"a hold without the gate is naught": {func(t *testing.T) *story {
			s := gatedStory(t).held("s").ready(true)
			s.pod.Spec.ReadinessGates = nil
			return s
		}, false},
		"it is let go and serves": {func(t *testing.T) *story {
			return gatedStory(t).held("s").later(time.Minute).update("agent:2").running(false).held().ready(true)
		}, false},
		"it is let go and its application does not come back": {func(t *testing.T) *story {
			return gatedStory(t).held("s").later(time.Minute).update("agent:2").running(false).held().broken("app")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.story(t).view().Disturbed(); got != test.want {
				t.Errorf("disturbed %t, want %t", got, test.want)
			}
		})
	}
}

// A Pod is held only while it serves, so that an update of a held Pod is one of a Pod that served.
func TestAHeldPodServedBefore(t *testing.T) {
	for name, test := range map[string]struct {
		story func(t *testing.T) *story
		want  bool
	}{
		"it drains":                          {func(t *testing.T) *story { return gatedStory(t).held("s") }, true},
		"its hook takes it out of service":   {func(t *testing.T) *story { return gatedStory(t).hook("PreparingUpdate").ready(false) }, true},
		"another set has taken it down":      {func(t *testing.T) *story { return gatedStory(t).held("other") }, false},
		"it does not serve for its own sake": {func(t *testing.T) *story { return gatedStory(t).ready(false) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.story(t).later(time.Minute).update("agent:2")
			if got := s.view().ServedBefore(); got != test.want {
				t.Errorf("served before %t, want %t", got, test.want)
			}
		})
	}
}

func TestTheStateBetweenHooksIsWrittenWithTheUpdate(t *testing.T) {
	for name, test := range map[string]struct {
		state v1beta1.LifecycleStateType
		label string
		want  v1beta1.LifecycleStateType
	}{
		"no hook was asked":               {"", "false", ""},
		"the hook has let go":             {"PreparingUpdate", "true", "Updating"},
		"a newer version meanwhile":       {"Updating", "true", "Updating"},
		"it was to be hooked again":       {"Updated", "true", "Updating"},
		"an earlier update is at its end": {"Updated", "false", "Updated"},
	} {
		t.Run(name, func(t *testing.T) {
			s := gatedStory(t).hook(test.state)
			s.pod.Labels["drained"] = test.label
			s.later(time.Minute).update("agent:2")
			state, _ := s.view().HookState()
			if diff := cmp.Diff(test.want, state); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatOtherSetsRecordOfTheirHooksStays(t *testing.T) {
	s := gatedStory(t)
	const other = `"other":{"state":"Updating","timestamp":"2030-01-01T00:00:00Z"}`
	s.pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation] = "{" + other + "}"
	s.now = time.Date(2030, 1, 1, 1, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		state v1beta1.LifecycleStateType
		want  string
	}{
		{"PreparingUpdate", "{" + other + `,"s":{"state":"PreparingUpdate","timestamp":"2030-01-01T01:00:00Z"}}`},
		{"", "{" + other + "}"},
	} {
		if diff := cmp.Diff(step.want, s.hook(step.state).pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation]); diff != "" {
			t.Errorf("annotation (-want +got):\n%s", diff)
		}
	}
}

func TestOnlyContainersThatWorkInterruptAPod(t *testing.T) {
	hot := func(s *v1beta1.SidecarSetSpec) {
		s.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
			UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
		}
	}
	restarts := func(s *v1beta1.SidecarSetSpec) {
		s.Containers[0].Resources = build.Resources("1", "1Gi")
		s.Containers[0].ResizePolicy = []corev1.ContainerResizePolicy{{ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.RestartContainer}}
	}
	image := func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Image = "agent:2" }
	cpu := func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = build.Resources("2", "1Gi") }
	memory := func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = build.Resources("1", "2Gi") }
	for name, test := range map[string]struct {
		before, change func(*v1beta1.SidecarSetSpec)
		want           bool
	}{
		"another image":                          {func(*v1beta1.SidecarSetSpec) {}, image, true},
		"annotations alone":                      {func(*v1beta1.SidecarSetSpec) {}, func(*v1beta1.SidecarSetSpec) {}, false},
		"a hot upgrade":                          {hot, image, false},
		"a resize that restarts the container":   {restarts, cpu, true},
		"a resize of what restarts no container": {restarts, memory, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := build.MakeSidecarSet("s").Container("agent", "agent:1").Spec(test.before)
			pod := build.MakePod("p").New().Obj()
			inject(t, pod, compile(t, before.Obj()))
			set := compile(t, before.Spec(test.change).Obj())
			view := sidecar.NewView(pod, set)
			if got := set.Interrupts(view, []string{"agent"}); got != test.want {
				t.Errorf("interrupts %t, want %t", got, test.want)
			}
		})
	}
}
