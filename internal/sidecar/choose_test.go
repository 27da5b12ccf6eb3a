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

func TestWhichSetsInject(t *testing.T) {
	agent := func(name string) *build.SidecarSetBuilder {
		return build.MakeSidecarSet(name).Container("agent", "agent:1")
	}
	hot := build.MakeSidecarSet("hot").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1"}
	})
	type chosen struct {
		Sets    []string
		Omitted []sidecar.Omission
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
			chosen{[]string{"next"}, []sidecar.Omission{{Set: "base", Reason: "its canary SidecarSet next takes its place", Intended: true}}},
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
			chosen{[]string{"next"}, []sidecar.Omission{{Set: "nextnext", Reason: "SidecarSet next has a container agent too; rename one of them, or let only one of the sets match"}}},
		},
		"of two canaries the first by name": {
			build.MakePod("p"), []*build.SidecarSetBuilder{canary("c2", "base"), canary("c1", "base"), agent("base")},
			chosen{[]string{"c1"}, []sidecar.Omission{
				{Set: "base", Reason: "its canary SidecarSet c1 takes its place", Intended: true},
				{Set: "c2", Reason: "SidecarSet c1 has a container agent too; rename one of them, or let only one of the sets match"}}},
		},
		"of two sets with the same container the first by name": {
			build.MakePod("p"), []*build.SidecarSetBuilder{agent("b"), agent("a")},
			chosen{[]string{"a"}, []sidecar.Omission{{Set: "b", Reason: "SidecarSet a has a container agent too; rename one of them, or let only one of the sets match"}}},
		},
		"a hot sidecar has two names": {
			build.MakePod("p"), []*build.SidecarSetBuilder{hot, build.MakeSidecarSet("plain").NativeSidecar("agent-2", "agent:1")},
			chosen{[]string{"hot"}, []sidecar.Omission{{Set: "plain", Reason: "SidecarSet hot has a container agent-2 too; rename one of them, or let only one of the sets match"}}},
		},
		"a container must not have the name of an init container of the Pod": {
			build.MakePod("p").InitContainer("agent", "own:1"), []*build.SidecarSetBuilder{agent("a")},
			chosen{nil, []sidecar.Omission{{Set: "a", Reason: "the Pod has an init container of the name agent already; rename one of them"}}},
		},
		"an init container must not have the name of a container of the Pod": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("a").InitContainer("app", "setup:1")},
			chosen{nil, []sidecar.Omission{{Set: "a", Reason: "the Pod has a container of the name app already; rename one of them"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sets []*sidecar.Set
			for _, b := range test.sets {
				sets = append(sets, compile(t, b.Obj()))
			}
			injection := inject(t, test.pod.New().Obj(), sets...)
			if diff := cmp.Diff(test.want, chosen{injection.Sets, injection.Omitted}); diff != "" {
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
	want := []sidecar.Omission{{Set: "a", Reason: "SidecarSet z has a container agent too; rename one of them, or let only one of the sets match"}}
	if diff := cmp.Diff(want, injection.Omitted); diff != "" {
		t.Errorf("omitted (-want +got):\n%s", diff)
	}
	if got := pod.Spec.Containers[0].Image; got != "agent:1" {
		t.Errorf("the agent's image is %s, want agent:1", got)
	}
}
