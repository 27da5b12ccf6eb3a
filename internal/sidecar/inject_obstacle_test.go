// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestWhyASetIsLeftOutOfALivePod(t *testing.T) {
	agent := func(name string) *build.SidecarSetBuilder {
		b := build.MakeSidecarSet(name).Container("agent", "agent:1")
		b.Obj().Status.LatestRevision = name + "-1"
		return b
	}
	of := func(o sidecar.Obstacle, revision string) *sidecar.Obstacle {
		o.Revision = revision
		return &o
	}
	recorded := func(text string) *build.PodBuilder {
		return build.MakePod("p").Annotation(v1beta1.SidecarSetOmittedAnnotation, text)
	}
	const invalid = `{"mesh":{"reason":"InvalidPod","message":"no room","revision":"mesh-1"}}`
	for name, test := range map[string]struct {
		pod    *build.PodBuilder
		others []*build.SidecarSetBuilder
		change func(*v1beta1.SidecarSetSpec)
		want   *sidecar.Obstacle
	}{
		"nothing is in the way": {pod: build.MakePod("p")},
		"a container of the Pod has the name": {
			pod:  build.MakePod("p").Container("agent", "own:1"),
			want: of(nameTaken("mesh", `its container "agent" has the name of a container of this Pod; rename one of the two`), "mesh-1"),
		},
		"its owner lets it be replaced": {
			pod: build.MakePod("p").Container("agent", "own:1").Annotation(v1beta1.ReplacedBySidecarAnnotation, "agent"),
		},
		"another set comes first": {
			pod: build.MakePod("p"), others: []*build.SidecarSetBuilder{agent("earlier")}, want: of(conflict("mesh", "earlier", "agent"), "mesh-1"),
		},
		"another set is in the Pod, but would come later in a new one": {
			pod:    build.MakePod("p").Container("agent", "agent:1").Annotation(v1beta1.SidecarSetInjectedListAnnotation, "zet"),
			others: []*build.SidecarSetBuilder{agent("zet")},
		},
		"its canary takes its place": {
			pod: build.MakePod("p"), others: []*build.SidecarSetBuilder{canary("next", "mesh")}, want: of(canaryObstacle("mesh", "next"), "mesh-1"),
		},
		"the Pod opts out": {
			pod: build.MakePod("p").Label(v1beta1.SidecarInjectionKey, "false"),
			want: &sidecar.Obstacle{Set: "mesh", Reason: "OptedOut", Revision: "mesh-1",
				Message: `the Pod opts out: its label or annotation apps.kruise.io/sidecar-injection is "false"`},
		},
		"its injection is paused": {
			pod: build.MakePod("p"), change: func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Paused = true },
			want: &sidecar.Obstacle{Set: "mesh", Reason: "InjectionPaused", Revision: "mesh-1", Message: "its spec.injectionStrategy.paused is true"},
		},
		"the webhook has recorded that the Pod would be refused": {
			pod: recorded(invalid), want: &sidecar.Obstacle{Set: "mesh", Reason: "InvalidPod", Message: "no room", Revision: "mesh-1"},
		},
		"a record of an earlier version says nothing": {pod: recorded(strings.ReplaceAll(invalid, "mesh-1", "mesh-0"))},
		"a record of another reason says nothing":     {pod: recorded(strings.ReplaceAll(invalid, "InvalidPod", "NameTaken"))},
		"nor does one that is garbled":                {pod: recorded(`{"mesh":7}`)},
		"nor one that is no JSON":                     {pod: recorded("{")},
	} {
		t.Run(name, func(t *testing.T) {
			b := agent("mesh")
			if test.change != nil {
				test.change(&b.Obj().Spec)
			}
			set := compile(t, b.Obj())
			sets := []*sidecar.Set{set}
			for _, other := range test.others {
				sets = append(sets, compile(t, other.Obj()))
			}
			var got *sidecar.Obstacle
			if o, ok := sidecar.ObstacleTo(test.pod.Obj(), set, sets); ok {
				got = &o
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("why (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod is asked whole, and whether the set is in it already or not: it is about the one that comes next.
func TestNameTaken(t *testing.T) {
	mark := corev1.EnvVar{Name: v1beta1.SidecarInjectedEnv, Value: "true"}
	injected := func(b *build.PodBuilder) *build.PodBuilder {
		for _, list := range [][]corev1.Container{b.Obj().Spec.InitContainers, b.Obj().Spec.Containers} {
			for i := range list {
				if list[i].Name == "agent" {
					list[i].Env = append(list[i].Env, mark)
				}
			}
		}
		return b
	}
	set := compile(t, build.MakeSidecarSet("mesh").Container("agent", "agent:1").NativeSidecar("proxy", "proxy:1").Container("hot", "hot:1").
		Spec(func(s *v1beta1.SidecarSetSpec) { makeHot(&s.Containers[1]) }).Obj())
	whole := build.MakePod("p").New()
	inject(t, whole.Obj(), set)
	recorded := build.MakePod("p").Container("agent", "agent:0").InitContainer("proxy", "proxy:0").Container("hot-1", "hot:0").Container("hot-2", "empty:1")
	recorded.Obj().Annotations = whole.Obj().Annotations
	const renamed = "; rename one of the two"
	for name, test := range map[string]struct {
		pod  *build.PodBuilder
		want string
	}{
		"no name is taken": {build.MakePod("p").InitContainer("setup", "own:1").Container("hot", "own:1"), ""},
		"of a container, by a container": {
			build.MakePod("p").Container("agent", "own:1"), `its container "agent" has the name of a container of this Pod` + renamed},
		"of a container, by an init container": {
			build.MakePod("p").InitContainer("agent", "own:1"), `its container "agent" has the name of an init container of this Pod` + renamed},
		"of a native sidecar, by a container": {
			build.MakePod("p").Container("proxy", "own:1"), `its init container "proxy" has the name of a container of this Pod` + renamed},
		"of a native sidecar, by an init container": {
			build.MakePod("p").InitContainer("proxy", "own:1"), `its init container "proxy" has the name of an init container of this Pod` + renamed},
		"of one of a hot pair": {
			build.MakePod("p").Container("hot-1", "own:1"), `its container "hot-1" has the name of a container of this Pod` + renamed},
		"with the consent of its owner": {
			build.MakePod("p").Container("agent", "own:1").Annotation(v1beta1.ReplacedBySidecarAnnotation, "agent"), ""},
		"by what was injected, as it says":          {injected(build.MakePod("p").Container("agent", "agent:0")), ""},
		"by what was injected, into the other list": {injected(build.MakePod("p").InitContainer("agent", "agent:0")), ""},
		"by what was injected, as its records say":  {recorded, ""},
		"in a Pod that opts out":                    {build.MakePod("p").Container("agent", "own:1").Label(v1beta1.SidecarInjectionKey, "false"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sidecar.NameTaken(test.pod.Obj(), set); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestWhatIsRecordedOfObstaclesIsBounded(t *testing.T) {
	var obstacles []sidecar.Obstacle
	for range 300 {
		obstacles = append(obstacles, sidecar.Obstacle{Set: "set-" + strings.Repeat("x", len(obstacles)%200), Reason: v1beta1.ReasonInvalidPod, Message: strings.Repeat("ü", 500)})
	}
	text, err := sidecar.ObstaclesText(obstacles)
	if err != nil || len(text) > 16<<10 {
		t.Errorf("%d bytes, %v; want at most 16 KiB", len(text), err)
	}
	pod := build.MakePod("p").Annotation(v1beta1.SidecarSetOmittedAnnotation, text).Obj()
	got, ok := sidecar.RecordedObstacle(pod, "set-x")
	want := sidecar.Obstacle{Set: "set-x", Reason: v1beta1.ReasonInvalidPod, Message: strings.Repeat("ü", 148) + "..."}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("recorded %t (-want +got):\n%s", ok, diff)
	}
	if text, err := sidecar.ObstaclesText(nil); text != "" || err != nil {
		t.Errorf("no obstacle says %q, %v", text, err)
	}
}
