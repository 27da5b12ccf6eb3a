// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func scaleStrategy(value string) func(*v1beta1.StatefulSetSpec) {
	return func(spec *v1beta1.StatefulSetSpec) {
		spec.ScaleStrategy = &v1beta1.StatefulSetScaleStrategy{MaxUnavailable: ptr.To(intstr.Parse(value))}
	}
}

func TestScaleUp(t *testing.T) {
	parallel := func() *build.StatefulSetBuilder { return web().Parallel() }
	checkPlans(t, map[string]planCase{
		"a set that has all its Pods is left alone": {func(t *testing.T) *world { return settled(t, web()) }, nil},
		"OrderedReady begins with the first": {
			func(t *testing.T) *world { return newWorld(t, web()) },
			[]string{"create Pod web-0 at revision <new>"},
		},
		"OrderedReady goes on when all before are available": {
			func(t *testing.T) *world { return settled(t, web()).without("web-1", "web-2") },
			[]string{"create Pod web-1 at revision <app:1>"},
		},
		"OrderedReady waits for one that is not ready": {
			func(t *testing.T) *world { return settled(t, web()).without("web-2").unready("web-0") },
			[]string{"blocked: Pod web-2 is not created yet: with OrderedReady Pod web-0 has to be available first (not Ready)"},
		},
		"OrderedReady waits for one that is going": {
			func(t *testing.T) *world { return settled(t, web()).without("web-2").going("web-1") },
			[]string{"blocked: Pod web-2 is not created yet: with OrderedReady Pod web-1 has to be available first (it is being deleted)"},
		},
		"OrderedReady waits for one that its hook holds": {
			func(t *testing.T) *world {
				return settled(t, web()).without("web-2").inState(v1beta1.LifecycleStateUpdating, "web-1")
			},
			[]string{
				"change Pod web-1: its change in place is carried out",
				"blocked: Pod web-2 is not created yet: with OrderedReady Pod web-1 has to be available first (lifecycle state Updating)",
			},
		},
		"Parallel creates all at once, lowest first": {
			func(t *testing.T) *world { return newWorld(t, parallel()) },
			[]string{
				"create Pod web-0 at revision <new>", "create Pod web-1 at revision <new>", "create Pod web-2 at revision <new>",
			},
		},
		"Parallel waits for nobody": {
			func(t *testing.T) *world {
				return settled(t, parallel()).without("web-1").unready("web-0").going("web-2")
			},
			[]string{"create Pod web-1 at revision <app:1>"},
		},
		"scaleStrategy limits how many are made at once": {
			func(t *testing.T) *world { return newWorld(t, parallel().Spec(scaleStrategy("2"))) },
			[]string{"create Pod web-0 at revision <new>", "create Pod web-1 at revision <new>"},
		},
		"scaleStrategy as a percentage rounds down": {
			func(t *testing.T) *world { return newWorld(t, parallel().Replicas(5).Spec(scaleStrategy("50%"))) },
			[]string{"create Pod web-0 at revision <new>", "create Pod web-1 at revision <new>"},
		},
		"scaleStrategy as a percentage lets at least one be made": {
			func(t *testing.T) *world { return newWorld(t, parallel().Spec(scaleStrategy("1%"))) },
			[]string{"create Pod web-0 at revision <new>"},
		},
		"scaleStrategy counts Pods that do not serve": {
			func(t *testing.T) *world {
				return settled(t, parallel().Spec(scaleStrategy("2"))).without("web-1", "web-2").unready("web-0")
			},
			[]string{"create Pod web-1 at revision <app:1>"},
		},
		"scaleStrategy used up: none is made": {
			func(t *testing.T) *world {
				return settled(t, parallel().Spec(scaleStrategy("1"))).without("web-2").going("web-1")
			},
			nil,
		},
		"a Pod that has ended is replaced, even if it is the wrong one's turn": {
			func(t *testing.T) *world {
				w := settled(t, web())
				w.changePod("web-1", func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded })
				return w
			},
			[]string{"delete Pod web-1: it has ended, phase Succeeded"},
		},
		"a Pod that failed is replaced while the rollout is paused": {
			func(t *testing.T) *world {
				w := settled(t, web().Paused())
				w.changePod("web-0", func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed })
				return w
			},
			[]string{"delete Pod web-0: it has ended, phase Failed"},
		},
		"a stranger under a name blocks that ordinal alone": {
			func(t *testing.T) *world {
				w := settled(t, parallel()).without("web-0", "web-1")
				w.Add(build.MakePod("web-1").Label("app", "other").Obj())
				return w
			},
			[]string{
				"create Pod web-0 at revision <app:1>",
				"blocked: Pod web-1 cannot be created: its name is taken by a Pod without a controller that spec.selector does not match; delete that, or delete its owner with --cascade=orphan to hand its Pods over",
			},
		},
		"the Pod of another controller under a name blocks it": {
			func(t *testing.T) *world {
				w := settled(t, parallel()).without("web-1")
				pod := build.MakePod("web-1").Label("app", "web").Obj()
				pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "other", Controller: ptr.To(true)}}
				w.Add(pod)
				return w
			},
			[]string{"blocked: Pod web-1 cannot be created: its name is taken by a Pod of StatefulSet web (apps/v1); delete that, or delete its owner with --cascade=orphan to hand its Pods over"},
		},
	})
}

func TestScaleDown(t *testing.T) {
	parallel := func() *build.StatefulSetBuilder { return web().Parallel() }
	checkPlans(t, map[string]planCase{
		"OrderedReady takes the highest": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(1) },
			[]string{"delete Pod web-2: with replicas: 1 there is to be no ordinal 2"},
		},
		"OrderedReady waits until that one is gone": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(1).going("web-2") },
			nil,
		},
		"OrderedReady takes the next then": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(1).without("web-2") },
			[]string{"delete Pod web-1: with replicas: 1 there is to be no ordinal 1"},
		},
		"OrderedReady does not lose another member while one is down": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(2).unready("web-0") },
			[]string{"blocked: Pod web-2 is not deleted yet: with OrderedReady Pod web-0 has to be available first (not Ready)"},
		},
		"OrderedReady deletes nothing while several of those to go are down, as Kubernetes does": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(0).unready("web-0", "web-1", "web-2") },
			[]string{"blocked: Pod web-2 is not deleted yet: with OrderedReady Pod web-0 has to be available first (not Ready)"},
		},
		"OrderedReady waits for the lowest that is down among those to go": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(1).unready("web-1", "web-2") },
			[]string{"blocked: Pod web-2 is not deleted yet: with OrderedReady Pod web-1 has to be available first (not Ready)"},
		},
		"OrderedReady takes the only one that is down": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(1).unready("web-2") },
			[]string{"delete Pod web-2: with replicas: 1 there is to be no ordinal 2"},
		},
		"OrderedReady takes one that serves though a lower one to go is down": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(1).unready("web-1") },
			[]string{"delete Pod web-2: with replicas: 1 there is to be no ordinal 2"},
		},
		"OrderedReady takes one that has ended whoever is down": {
			func(t *testing.T) *world {
				w := settled(t, web()).withReplicas(0).unready("web-0")
				w.changePod("web-2", func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed })
				return w
			},
			[]string{"delete Pod web-2: with replicas: 0 there is to be no ordinal 2"},
		},
		"OrderedReady takes what a template left that was given up": {
			func(t *testing.T) *world {
				w := newWorld(t, web().Replicas(1).Image("app:bad"))
				w.roll()
				return w.withReplicas(0).withImage("app:2")
			},
			[]string{"delete Pod web-0: with replicas: 0 there is to be no ordinal 0"},
		},
		"Parallel takes all at once, highest first": {
			func(t *testing.T) *world { return settled(t, parallel()).withReplicas(1).unready("web-0") },
			[]string{"delete Pod web-2: with replicas: 1 there is to be no ordinal 2", "delete Pod web-1: with replicas: 1 there is to be no ordinal 1"},
		},
		"a set may have no Pods": {
			func(t *testing.T) *world { return settled(t, parallel().Replicas(1)).withReplicas(0) },
			[]string{"delete Pod web-0: with replicas: 0 there is to be no ordinal 0"},
		},
		"scaling goes on while the rollout is paused": {
			func(t *testing.T) *world { return settled(t, parallel().Paused()).withReplicas(2) },
			[]string{"delete Pod web-2: with replicas: 2 there is to be no ordinal 2"},
		},
		"a reserved ordinal is replaced by the next one": {
			func(t *testing.T) *world {
				w := settled(t, parallel())
				w.edit("reserve 0", func(spec *v1beta1.StatefulSetSpec) { spec.ReserveOrdinals = []intstr.IntOrString{intstr.FromInt32(0)} })
				return w
			},
			[]string{"delete Pod web-0: with replicas: 3 there is to be no ordinal 0", "create Pod web-3 at revision <app:1>"},
		},
		"ordinals.start moved: Pods below it go": {
			func(t *testing.T) *world {
				w := settled(t, parallel())
				w.edit("start at 2", func(spec *v1beta1.StatefulSetSpec) { spec.Ordinals = &v1beta1.StatefulSetOrdinals{Start: 2} })
				return w
			},
			[]string{
				"delete Pod web-1: with replicas: 3 there is to be no ordinal 1", "delete Pod web-0: with replicas: 3 there is to be no ordinal 0",
				"create Pod web-3 at revision <app:1>", "create Pod web-4 at revision <app:1>",
			},
		},
		"condemned Pods are not updated": {
			func(t *testing.T) *world {
				return settled(t, web()).withReplicas(2).withImage("app:2").unready("web-0")
			},
			[]string{
				"delete Pod web-0: it does not serve, so little is lost",
				"blocked: Pod web-2 is not deleted yet: with OrderedReady Pod web-0 has to be available first (not Ready)",
			},
		},
	})
}

// A set of a hundred thousand replicas that no node takes costs no more than a large one, and one whose Pods become
// available is made as fast as they do.
func TestNoMorePodsStartAtOnceThanAClusterBears(t *testing.T) {
	for name, test := range map[string]struct {
		pods, available, create int
		blocked                 string
	}{
		"a few":                        {10, 0, maxCreations, ""},
		"almost as many as may be":     {maxStarting - 1, 0, 1, ""},
		"as many as may be":            {maxStarting, 0, 0, "Pod web-1000 is not created yet: 1000 Pods of the set are there and not available; the next are created as these become available"},
		"one of them is available":     {maxStarting, 1, 2, ""},
		"most of them are available":   {4000, 3900, maxCreations, ""},
		"it has been and is no longer": {4000, 0, 0, "Pod web-4000 is not created yet: 4000 Pods of the set are there and not available; the next are created as these become available"},
	} {
		t.Run(name, func(t *testing.T) {
			set := benchSet(100_000)
			pods, revisions := benchPods(t, set, test.pods, 0)
			for _, pod := range pods[test.available:] {
				build.SetReady(pod, false, build.Epoch)
			}
			plan, err := makePlan(benchSnapshot(set, pods, revisions))
			if err != nil {
				t.Fatal(err)
			}
			blocked := ""
			for _, b := range plan.Blocked {
				blocked += b.Why
			}
			if len(plan.Create) != test.create || blocked != test.blocked {
				t.Errorf("%d Pods are created, want %d; blocked: %s", len(plan.Create), test.create, blocked)
			}
		})
	}
}
