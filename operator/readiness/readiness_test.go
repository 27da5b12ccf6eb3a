// SPDX-License-Identifier: Apache-2.0

package readiness_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/readiness"
)

// gated is a Pod that carries the sidecars of set s and has the gate.
func gated() *corev1.Pod {
	pod := build.MakePod("p").New().Annotation(v1beta1.SidecarSetInjectedListAnnotation, "s").Obj()
	pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: v1beta1.KruisePodReadyCondition}}
	return pod
}

func TestWhatIsWrittenToAPod(t *testing.T) {
	type result struct {
		Status    corev1.ConditionStatus
		Message   string
		Lifecycle string
		Writes    int
		LookIn    time.Duration
	}
	const (
		entry = `{"s":{"state":"PreparingUpdate","timestamp":"2026-01-02T03:04:05Z"}}`
		both  = `[{"userAgent":"Lifecycle","key":"preUpdateHook"},{"userAgent":"SidecarSet","key":"s"}]`
		held  = `[{"userAgent":"SidecarSet","key":"s"}]`
	)
	holding := func(message string) *corev1.Pod {
		pod := gated()
		build.HeldBy(pod, build.Epoch, "s")
		pods.Condition(pod, v1beta1.KruisePodReadyCondition).Message = message
		return pod
	}
	hooked := func(pod *corev1.Pod) *corev1.Pod {
		pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation] = entry
		return pod
	}
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	broken := build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.Selector.MatchLabels = map[string]string{"/": "no label"} })
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		set  *build.SidecarSetBuilder
		want result
	}{
		"a new Pod may be Ready":                             {gated(), set, result{Status: "True", Writes: 1}},
		"also one whose set is gone":                         {gated(), nil, result{Status: "True", Writes: 1}},
		"one that has heard it":                              {func() *corev1.Pod { pod := gated(); build.HeldBy(pod, build.Epoch); return pod }(), set, result{Status: "True"}},
		"the gate of somebody else's Pod is not ours":        {func() *corev1.Pod { pod := gated(); pod.Annotations = nil; return pod }(), set, result{}},
		"a set that is there sees to its hold":               {holding(held), set, result{Status: "False", Message: held, LookIn: 10 * time.Second}},
		"the hold of a set that is gone ends":                {holding(held), nil, result{Status: "True", Writes: 1}},
		"that of a set that cannot be used too":              {holding(held), broken, result{Status: "True", Writes: 1}},
		"what others hold stays":                             {holding(both), nil, result{Status: "False", Message: `[{"userAgent":"Lifecycle","key":"preUpdateHook"}]`, Writes: 1}},
		"a hook is not asked any more by a set that is gone": {hooked(holding(held)), nil, result{Status: "True", Writes: 2}},
		"a hook of a Pod without the gate":                   {hooked(build.MakePod("p").New().Annotation("a", "b").Obj()), nil, result{Writes: 1}},
		"a hook of a set that is there":                      {hooked(build.MakePod("p").New().Annotation("a", "b").Obj()), set, result{Lifecycle: entry, LookIn: 10 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			s := world.NewStore(t)
			cache := world.NewCache(s)
			writer := &world.Client{Store: s, Reader: cache}
			s.Add(test.pod)
			if test.set != nil {
				s.Add(test.set.Obj())
			}
			cache.Sync()
			c := readiness.New(loop.Cluster{Client: writer, Live: s.Live(), Clock: s.Clock, Recorder: &events.FakeRecorder{}})
			got := result{}
			if c.Watches[0].Predicates[0].Create(event.CreateEvent{Object: test.pod}) {
				answer, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(test.pod)})
				if err != nil {
					t.Fatal(err)
				}
				got.LookIn = answer.RequeueAfter
			}
			pod := s.Pod(client.ObjectKeyFromObject(test.pod))
			got.Writes, got.Lifecycle = len(writer.Requests), pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation]
			if c := pods.Condition(pod, v1beta1.KruisePodReadyCondition); c != nil {
				got.Status, got.Message = c.Status, c.Message
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Pod (-want +got):\n%s", diff)
			}
		})
	}
}

// Two controllers write the condition: what one has added since the other has looked must not get lost.
func TestAHoldThatNobodyHasSeenStays(t *testing.T) {
	s := world.NewStore(t)
	cache := world.NewCache(s)
	s.Add(gated())
	cache.Sync()
	key := world.Key{Namespace: "default", Name: "p"}
	s.ChangePod(key, func(pod *corev1.Pod) { build.HeldBy(pod, build.Epoch, "s") })
	c := readiness.New(loop.Cluster{Client: &world.Client{Store: s, Reader: cache}, Live: s.Live(), Clock: s.Clock, Recorder: &events.FakeRecorder{}})
	if _, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
		t.Fatal(err)
	}
	if c := pods.Condition(s.Pod(key), v1beta1.KruisePodReadyCondition); !pods.IsFalse(c) {
		t.Errorf("the hold is written over: %+v", c)
	}
}
