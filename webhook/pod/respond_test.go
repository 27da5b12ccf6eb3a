// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// said is what a response tells people.
type said struct {
	Warnings []string
	Audit    map[string]string
}

func annotated(b *build.SidecarSetBuilder, annotations map[string]string) *build.SidecarSetBuilder {
	b.Obj().Annotations = annotations
	return b
}

func TestWhatTheResponseSays(t *testing.T) {
	agent := func(name string) *build.SidecarSetBuilder {
		return build.MakeSidecarSet(name).Container("agent-"+name, "agent:1")
	}
	paused := func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Paused = true }
	elsewhere := func(s *v1beta1.SidecarSetSpec) { s.Namespace = "bank" }
	canary := map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: "a"}
	web := func() *build.PodBuilder { return build.MakePod("p").Label("app", "web").New() }
	const optedOut = `the Pod opts out: its label or annotation apps.kruise.io/sidecar-injection is "false"`

	for name, test := range map[string]struct {
		sets []*build.SidecarSetBuilder
		pod  *build.PodBuilder
		want said
	}{
		"nothing when no set matches": {
			[]*build.SidecarSetBuilder{agent("a")}, build.MakePod("p").New(), said{}},
		"nothing when no set matches a Pod that opts out": {
			[]*build.SidecarSetBuilder{agent("a")}, build.MakePod("p").New().Label(v1beta1.SidecarInjectionKey, "false"), said{}},
		"nothing of sets that do not reach the namespace": {
			[]*build.SidecarSetBuilder{agent("a").Spec(elsewhere).Spec(paused)}, web(), said{}},
		"the sets that were injected, sorted": {
			[]*build.SidecarSetBuilder{agent("b"), agent("a")}, web(), said{Audit: map[string]string{"injected": "a,b"}}},
		"a set whose injection is paused": {
			[]*build.SidecarSetBuilder{agent("a").Spec(paused), agent("b")}, web(), said{
				Warnings: []string{"SidecarSet a is not injected: its spec.injectionStrategy.paused is true"},
				Audit:    map[string]string{"injected": "b", "not-injected": "a: its spec.injectionStrategy.paused is true"}}},
		"every set that a Pod opts out of": {
			[]*build.SidecarSetBuilder{agent("b").Spec(paused), agent("a")}, web().Annotation(v1beta1.SidecarInjectionKey, "false"), said{
				Warnings: []string{"SidecarSet a is not injected: " + optedOut, "SidecarSet b is not injected: " + optedOut},
				Audit:    map[string]string{"not-injected": "a: " + optedOut + "; b: " + optedOut}}},
		"nothing of a paused set that the Pod carries": {
			[]*build.SidecarSetBuilder{agent("a").Spec(paused)}, web().Container("agent-a", "agent:1").Annotation(v1beta1.SidecarSetInjectedListAnnotation, "a"), said{}},
		"a base that its canary replaces, without a warning": {
			[]*build.SidecarSetBuilder{agent("a"), annotated(agent("next"), canary)}, web(), said{
				Audit: map[string]string{"injected": "next", "not-injected": "a: its canary SidecarSet next takes its place"}}},
		"a base whose canary is paused": {
			[]*build.SidecarSetBuilder{agent("a"), annotated(agent("next").Spec(paused), canary)}, web(), said{
				Warnings: []string{"SidecarSet next is not injected: its spec.injectionStrategy.paused is true"},
				Audit:    map[string]string{"injected": "a", "not-injected": "next: its spec.injectionStrategy.paused is true"}}},
		"a set that conflicts with another": {
			[]*build.SidecarSetBuilder{agent("a"), build.MakeSidecarSet("b").Container("agent-a", "other:1")}, web(), said{
				Warnings: []string{"SidecarSet b is not injected: SidecarSet a has a container agent-a too; rename one of them, or let only one of the sets match"},
				Audit: map[string]string{"injected": "a",
					"not-injected": "b: SidecarSet a has a container agent-a too; rename one of them, or let only one of the sets match"}}},
		"a Pod without a container to compute resources from is created": {
			[]*build.SidecarSetBuilder{agent("a").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].ResourcesPolicy = &v1beta1.ResourcesPolicy{
					TargetContainersMode: v1beta1.TargetContainersModeSum, TargetContainersNameRegex: "^main$",
					ResourcesExpr: v1beta1.ResourcesExpr{Limits: &v1beta1.ResourceExprLimits{CPU: "cpu"}},
				}
			})}, web(), said{
				Warnings: []string{`SidecarSet a, container agent-a: it gets no computed resources: resourcesPolicy.targetContainersNameRegex is "^main$", which matches no container of the Pod`},
				Audit:    map[string]string{"injected": "a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			response := handler(t, test.sets...).Handle(t.Context(), review(t, test.pod.Obj()))
			if !response.Allowed {
				t.Fatalf("denied: %+v", response.Result)
			}
			if diff := cmp.Diff(test.want, said{response.Warnings, response.AuditAnnotations}); diff != "" {
				t.Errorf("the response says (-want +got):\n%s", diff)
			}
			if matched := len(test.want.Audit) > 0; matched != (len(response.Patches) > 0) {
				t.Errorf("the response has %d patches", len(response.Patches))
			}
		})
	}
}

// pinned gives Pods the version it holds, and the error beside it.
type pinned struct {
	set *sidecar.Set
	err error
}

func (p pinned) For(*sidecar.Set, *corev1.Pod) (*sidecar.Set, error) { return p.set, p.err }

func TestTheVersionForThePodIsInjected(t *testing.T) {
	old, err := sidecar.Compile(build.MakeSidecarSet("s").Container("agent", "agent:0").Obj())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		versions Versions
		want     string
		said     said
	}{
		"the current one without a choice": {nil, "agent:1", said{Audit: map[string]string{"injected": "s"}}},
		"the current one by default":       {Current{}, "agent:1", said{Audit: map[string]string{"injected": "s"}}},
		"the chosen one":                   {pinned{set: old}, "agent:0", said{Audit: map[string]string{"injected": "s"}}},
		"the one to fall back to, with a warning": {pinned{old, errors.New("revision s-1 is gone")}, "agent:0",
			said{[]string{"SidecarSet s: revision s-1 is gone"}, map[string]string{"injected": "s"}}},
	} {
		t.Run(name, func(t *testing.T) {
			h := handler(t, build.MakeSidecarSet("s").Container("agent", "agent:1"))
			h.Versions = test.versions
			request := review(t, build.MakePod("p").Label("app", "web").New().Obj())
			response := h.Handle(t.Context(), request)
			if got := patched(t, request, response).Spec.Containers[0].Image; got != test.want {
				t.Errorf("%s was injected, want %s", got, test.want)
			}
			if diff := cmp.Diff(test.said, said{response.Warnings, response.AuditAnnotations}); diff != "" {
				t.Errorf("the response says (-want +got):\n%s", diff)
			}
		})
	}
}
