// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/pullers"
	"github.com/windlass-operator/windlass/program"
)

// gathererOf reads these objects; kube-system is excluded by name.
func gathererOf(t *testing.T, set *v1beta1.SidecarSet, objects ...client.Object) *gatherer {
	t.Helper()
	namespaces := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "a"}}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "off", Labels: map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled}}},
	}
	clock := clocktesting.NewFakePassiveClock(build.Epoch.Add(time.Hour))
	index := newSharedIndex()
	index.Put(compile(t, set))
	reader := fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(append(namespaces, objects...)...).WithObjects(set).
		WithIndex(&corev1.Pod{}, PodLabelIndex, podLabels).WithIndex(&corev1.Pod{}, PodOpenIndex, podOpen).
		WithIndex(&appsv1.ControllerRevision{}, RevisionIndex, revisionSet).
		WithIndex(&corev1.Pod{}, podcache.PullerIndex, func(o client.Object) []string { return podcache.PullerOwner(o) }).Build()
	return &gatherer{
		reader: reader, pullers: pullers.New(loop.Cluster{Client: reader}, "SidecarSet", nil),
		clock: clock, namespace: "windlass-system", memory: newMemory(), history: newHistory(clock),
		sets: index.Index, excluded: sets.New("kube-system"), waiters: ledger.NewWaiters(),
	}
}

func TestWhichPodsAreExempt(t *testing.T) {
	pod := func(namespace, name string) *corev1.Pod {
		return build.MakePod(name).Namespace(namespace).Label("app", "web").Created(time.Minute).Obj()
	}
	type conditions struct{ Ready, Injected string }
	for name, test := range map[string]struct {
		spec func(*v1beta1.SidecarSetSpec)
		pods []client.Object
		want conditions
	}{
		"those of namespaces that no webhook serves, beside others": {
			pods: []client.Object{pod("shop", "a"), pod("kube-system", "b"), pod("off", "c")},
			want: conditions{
				"Complete: No live Pod has the sidecars, so there is none to update.",
				"PodsNotInjected: Without the sidecars until created anew: 1 Pod: shop/a (WebhookMissed)." +
					" Not counted, since the Pod webhooks do not serve their namespaces: 2 Pods: kube-system/b, off/c.",
			},
		},
		"no Pod is to have the sidecars but for those": {
			pods: []client.Object{pod("kube-system", "b")},
			want: conditions{
				"NoPods: No live Pod matches: the selector matches 0 Pods in the cluster's 3 namespaces." +
					" Not counted, since the Pod webhooks do not serve their namespaces: 1 Pod: kube-system/b.",
				"NoPods: No live Pod matches. Not counted, since the Pod webhooks do not serve their namespaces: 1 Pod: kube-system/b.",
			},
		},
		"a new one would miss them too while injection is paused": {
			spec: func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Paused = true },
			pods: []client.Object{pod("shop", "a")},
			want: conditions{
				"Complete: No live Pod has the sidecars, so there is none to update.",
				"PodsNotInjected: Without the sidecars, and created anew they would be again: 1 Pod: shop/a (InjectionPaused)." +
					" Pod shop/a: the set is not injected: its spec.injectionStrategy.paused is true.",
			},
		},
		"one that opts out is named": {
			pods: []client.Object{build.MakePod("o").Namespace("shop").Label("app", "web").Label(v1beta1.SidecarInjectionKey, "false").Obj()},
			want: conditions{
				"Complete: No live Pod has the sidecars, so there is none to update.",
				"NoPods: No live Pod is to have the sidecars. Opted out: 1 Pod: shop/o.",
			},
		},
		"all that a set can reach, by name": {
			spec: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "kube-system" },
			pods: []client.Object{pod("kube-system", "b")},
			want: conditions{
				"NamespaceNotServed: No Pod gets the sidecars: the set reaches only namespace kube-system, which the Pod webhooks do not serve" +
					" (it is one of those that they leave out by name; use another namespace).",
				"NamespaceNotServed: The Pod webhooks do not serve namespace kube-system.",
			},
		},
		"all that a set can reach, by label": {
			spec: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "off" },
			want: conditions{
				"NamespaceNotServed: No Pod gets the sidecars: the set reaches only namespace off, which the Pod webhooks do not serve" +
					" (its label apps.kruise.io/injection is disabled; remove the label to have its Pods served).",
				"NamespaceNotServed: The Pod webhooks do not serve namespace off.",
			},
		},
		"no Pod in the namespaces that are selected": {
			spec: func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
			},
			pods: []client.Object{pod("kube-system", "b")},
			want: conditions{
				"NoPods: No live Pod matches: the selector matches 0 Pods in the 1 namespace that namespaceSelector selects.", "NoPods: No live Pod matches.",
			},
		},
		"no namespace that is selected": {
			spec: func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "b"}}
			},
			pods: []client.Object{pod("shop", "a")},
			want: conditions{"NoPods: No live Pod matches: namespaceSelector selects 0 of 3 namespaces.", "NoPods: No live Pod matches."},
		},
		"no namespace of that name": {
			spec: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "nowhere" },
			want: conditions{"NoPods: No live Pod matches: there is no namespace nowhere.", "NoPods: No live Pod matches."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			builder := build.MakeSidecarSet("s").Container("agent", "agent:1")
			if test.spec != nil {
				builder.Spec(test.spec)
			}
			s, err := gathererOf(t, builder.Obj(), test.pods...).snapshot(t.Context(), "s")
			if err != nil {
				t.Fatal(err)
			}
			plan, err := makePlan(s)
			if err != nil {
				t.Fatal(err)
			}
			status := statusOf(s, plan, &Outcome{})
			said := func(kind string) string {
				c := meta.FindStatusCondition(status.Conditions, kind)
				return c.Reason + ": " + c.Message
			}
			if diff := cmp.Diff(test.want, conditions{said(v1beta1.ConditionReady), said(v1beta1.ConditionInjected)}); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod that was let go before it was ever changed is the set's doing too, unless its node is gone.
func TestTheNodeOfAPodThatReturnsIsLookedAt(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1").Grace(5).Obj()
	pod := build.MakePod("a").Namespace("shop").Label("app", "web").New().Obj()
	injection, err := sidecar.Inject(pod, []*sidecar.Set{compile(t, set)}, metav1.NewTime(build.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	injection.Apply(pod)
	pod.Spec.NodeName = "gone"
	build.RunContainers(pod)
	build.HeldBy(pod, build.Epoch)
	build.SetReady(pod, false, build.Epoch)
	pods.Condition(pod, corev1.PodReady).Reason = podready.ReasonNotReady
	s, err := gathererOf(t, set, pod).snapshot(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	if !s.Matched[0].Returning() || charged(s, s.Matched[0]) {
		t.Errorf("returning: %t, charged %t; its node is gone: %v", s.Matched[0].Returning(), charged(s, s.Matched[0]), s.LostNodes)
	}
}
