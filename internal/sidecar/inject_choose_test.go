// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func canary(name, base string) *build.SidecarSetBuilder {
	b := build.MakeSidecarSet(name).Container("agent", "agent:canary")
	b.Obj().Annotations = map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: base}
	return b
}

func nameTaken(set, message string) sidecar.Obstacle {
	return sidecar.Obstacle{Set: set, Reason: v1beta1.ReasonNameTaken, Message: message}
}

func conflict(set, other, name string) sidecar.Obstacle {
	message := "SidecarSet " + other + " has a container " + name + " too; rename one of them, or let only one of the sets match"
	return sidecar.Obstacle{Set: set, Reason: v1beta1.ReasonSetConflict, Message: message}
}

func canaryObstacle(base, canary string) sidecar.Obstacle {
	message := "its canary SidecarSet " + canary + " takes its place"
	return sidecar.Obstacle{Set: base, Reason: v1beta1.ReasonCanary, Message: message, Intended: true}
}

func TestWhichSetsInject(t *testing.T) {
	agent := func(name string) *build.SidecarSetBuilder {
		return build.MakeSidecarSet(name).Container("agent", "agent:1")
	}
	hot := build.MakeSidecarSet("hot").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1"}
	})
	type chosen struct {
		Sets      []string
		Obstacles []sidecar.Obstacle
	}
	for name, test := range map[string]struct {
		pod  *build.PodBuilder
		sets []*build.SidecarSetBuilder
		want chosen
	}{
		"all that share nothing": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("b").Container("b", "b:1"), agent("a")},
			chosen{Sets: []string{"a", "b"}},
		},
		"a canary instead of its base": {
			build.MakePod("p"), []*build.SidecarSetBuilder{agent("base"), canary("next", "base")},
			chosen{[]string{"next"}, []sidecar.Obstacle{canaryObstacle("base", "next")}},
		},
		"the base where its canary does not match": {
			build.MakePod("p"), []*build.SidecarSetBuilder{agent("base")}, chosen{Sets: []string{"base"}},
		},
		"a canary where its base does not match": {
			build.MakePod("p"), []*build.SidecarSetBuilder{canary("next", "base")}, chosen{Sets: []string{"next"}},
		},
		"a set with a base annotation alone is no canary": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("base").Container("b", "b:1"), func() *build.SidecarSetBuilder {
				b := agent("other")
				b.Obj().Annotations = map[string]string{v1beta1.SidecarSetBaseAnnotation: "base"}
				return b
			}()},
			chosen{Sets: []string{"base", "other"}},
		},
		"a canary is nobody's base": {
			build.MakePod("p"), []*build.SidecarSetBuilder{canary("next", "base"), canary("nextnext", "next")},
			chosen{[]string{"next"}, []sidecar.Obstacle{conflict("nextnext", "next", "agent")}},
		},
		"of two canaries the first by name": {
			build.MakePod("p"), []*build.SidecarSetBuilder{canary("c2", "base"), canary("c1", "base"), agent("base")},
			chosen{[]string{"c1"}, []sidecar.Obstacle{
				canaryObstacle("base", "c1"),
				conflict("c2", "c1", "agent")}},
		},
		"of two sets with the same container the first by name": {
			build.MakePod("p"), []*build.SidecarSetBuilder{agent("b"), agent("a")},
			chosen{[]string{"a"}, []sidecar.Obstacle{conflict("b", "a", "agent")}},
		},
		"a hot sidecar has two names": {
			build.MakePod("p"), []*build.SidecarSetBuilder{hot, build.MakeSidecarSet("plain").NativeSidecar("agent-2", "agent:1")},
			chosen{[]string{"hot"}, []sidecar.Obstacle{conflict("plain", "hot", "agent-2")}},
		},
		"a container must not have the name of an init container of the Pod": {
			build.MakePod("p").InitContainer("agent", "own:1"), []*build.SidecarSetBuilder{agent("a")},
			chosen{nil, []sidecar.Obstacle{nameTaken("a", `its container "agent" has the name of an init container of this Pod; rename one of the two`)}},
		},
		"a container of the Pod is never replaced": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("mesh").Container("app", "proxy:1"), agent("b")},
			chosen{[]string{"b"}, []sidecar.Obstacle{nameTaken("mesh", `its container "app" has the name of a container of this Pod; rename one of the two`)}},
		},
		"an init container of the Pod is never replaced": {
			build.MakePod("p").InitContainer("setup", "own:1"), []*build.SidecarSetBuilder{build.MakeSidecarSet("mesh").Container("agent", "agent:1").InitContainer("setup", "setup:1")},
			chosen{nil, []sidecar.Obstacle{nameTaken("mesh", `its init container "setup" has the name of an init container of this Pod; rename one of the two`)}},
		},
		"nor one that has the second name of a hot sidecar": {
			build.MakePod("p").Container("agent-2", "own:1"), []*build.SidecarSetBuilder{hot},
			chosen{nil, []sidecar.Obstacle{nameTaken("hot", `its container "agent-2" has the name of a container of this Pod; rename one of the two`)}},
		},
		"the name of a hot sidecar itself is free": {
			build.MakePod("p").Container("agent", "own:1"), []*build.SidecarSetBuilder{hot}, chosen{Sets: []string{"hot"}},
		},
		"the Pod's owner lets its container be replaced": {
			build.MakePod("p").Annotation(v1beta1.ReplacedBySidecarAnnotation, "other, app"), []*build.SidecarSetBuilder{build.MakeSidecarSet("mesh").Container("app", "proxy:1")},
			chosen{Sets: []string{"mesh"}},
		},
		"but not by one of the other list": {
			build.MakePod("p").Annotation(v1beta1.ReplacedBySidecarAnnotation, "app"), []*build.SidecarSetBuilder{build.MakeSidecarSet("mesh").InitContainer("app", "proxy:1")},
			chosen{nil, []sidecar.Obstacle{nameTaken("mesh", `its init container "app" has the name of a container of this Pod, which the annotation apps.kruise.io/replaced-by-sidecar lets be replaced by a container alone; rename one of the two`)}},
		},
		"nor the other way round": {
			build.MakePod("p").InitContainer("setup", "own:1").Annotation(v1beta1.ReplacedBySidecarAnnotation, "setup"), []*build.SidecarSetBuilder{build.MakeSidecarSet("mesh").Container("setup", "proxy:1")},
			chosen{nil, []sidecar.Obstacle{nameTaken("mesh", `its container "setup" has the name of an init container of this Pod, which the annotation apps.kruise.io/replaced-by-sidecar lets be replaced by an init container alone; rename one of the two`)}},
		},
		"an init container of the Pod, in its own list": {
			build.MakePod("p").InitContainer("setup", "own:1").Annotation(v1beta1.ReplacedBySidecarAnnotation, "setup"), []*build.SidecarSetBuilder{build.MakeSidecarSet("mesh").NativeSidecar("setup", "proxy:1")},
			chosen{Sets: []string{"mesh"}},
		},
		"one of a hot pair, which is all that its owner lets be replaced": {
			build.MakePod("p").Container("agent-1", "own:1").Container("agent-2", "own:1").Annotation(v1beta1.ReplacedBySidecarAnnotation, "agent-1"), []*build.SidecarSetBuilder{hot},
			chosen{nil, []sidecar.Obstacle{nameTaken("hot", `its container "agent-2" has the name of a container of this Pod; rename one of the two`)}},
		},
		"an empty consent is none": {
			build.MakePod("p").Annotation(v1beta1.ReplacedBySidecarAnnotation, ""), []*build.SidecarSetBuilder{build.MakeSidecarSet("mesh").Container("app", "proxy:1")},
			chosen{nil, []sidecar.Obstacle{nameTaken("mesh", `its container "app" has the name of a container of this Pod; rename one of the two`)}},
		},
		"a set that is left out takes no name": {
			build.MakePod("p"), []*build.SidecarSetBuilder{agent("a").Container("app", "proxy:1"), agent("b")},
			chosen{[]string{"b"}, []sidecar.Obstacle{nameTaken("a", `its container "app" has the name of a container of this Pod; rename one of the two`)}},
		},
		"an init container must not have the name of a container of the Pod": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("a").InitContainer("app", "setup:1")},
			chosen{nil, []sidecar.Obstacle{nameTaken("a", `its init container "app" has the name of a container of this Pod; rename one of the two`)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sets []*sidecar.Set
			for _, b := range test.sets {
				sets = append(sets, compile(t, b.Obj()))
			}
			injection := inject(t, test.pod.New().Obj(), sets...)
			if diff := cmp.Diff(test.want, chosen{injection.Sets, injection.Obstacles}); diff != "" {
				t.Errorf("chosen (-want +got):\n%s", diff)
			}
		})
	}
}

// A set that the Pod holds keeps its names, whatever comes before it by name.
func TestASetThatThePodHoldsIsNotReplacedByAnother(t *testing.T) {
	held := compile(t, build.MakeSidecarSet("z").Container("agent", "agent:1").Obj())
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, held)
	injection := inject(t, pod, compile(t, build.MakeSidecarSet("a").Container("agent", "agent:2").Obj()), held)
	want := []sidecar.Obstacle{conflict("a", "z", "agent")}
	if diff := cmp.Diff(want, injection.Obstacles); diff != "" {
		t.Errorf("obstacles (-want +got):\n%s", diff)
	}
	if got := pod.Spec.Containers[0].Image; got != "agent:1" {
		t.Errorf("the agent's image is %s, want agent:1", got)
	}
}
