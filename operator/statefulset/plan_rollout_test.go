// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

func TestRollout(t *testing.T) {
	parallel := func() *build.StatefulSetBuilder { return web().Parallel() }
	turn, broken, down := ": its turn has come", ": it cannot run at the revision that it is at", ": it does not serve, so little is lost"
	checkPlans(t, map[string]planCase{
		"the highest ordinal goes first": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2") },
			[]string{"delete Pod web-2" + turn},
		},
		"Parallel too goes one after the other": {
			func(t *testing.T) *world { return settled(t, parallel()).withImage("app:2") },
			[]string{"delete Pod web-2" + turn},
		},
		"maxUnavailable, with OrderedReady too": {
			func(t *testing.T) *world { return settled(t, web().MaxUnavailable("2")).withImage("app:2") },
			[]string{"delete Pod web-2" + turn, "delete Pod web-1" + turn},
		},
		"a percentage rounds down": {
			func(t *testing.T) *world { return settled(t, web().MaxUnavailable("67%")).withImage("app:2") },
			[]string{"delete Pod web-2" + turn, "delete Pod web-1" + turn},
		},
		"a percentage lets at least one go": {
			func(t *testing.T) *world { return settled(t, web().MaxUnavailable("1%")).withImage("app:2") },
			[]string{"delete Pod web-2" + turn},
		},
		"nobody goes while one is going": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2").going("web-2") },
			nil,
		},
		"nobody goes while one is being made": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2").without("web-2") },
			[]string{"create Pod web-2 at revision <new>"},
		},
		"one that is down goes first, and alone": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2").unready("web-0") },
			[]string{"delete Pod web-0" + down},
		},
		"a blip of all Pods restarts one": {
			func(t *testing.T) *world {
				return settled(t, parallel()).withImage("app:2").unready("web-0", "web-1", "web-2")
			},
			[]string{"delete Pod web-2" + down},
		},
		"all broken Pods go at once": {
			func(t *testing.T) *world {
				return settled(t, web()).withImage("app:2").waiting("CrashLoopBackOff", "web-0", "web-1")
			},
			[]string{"delete Pod web-1" + broken, "delete Pod web-0" + broken},
		},
		"a Pod that no node takes is broken": {
			func(t *testing.T) *world {
				w := settled(t, web()).withImage("app:2").unready("web-1")
				w.changePod("web-1", func(pod *corev1.Pod) {
					cluster.SetCondition(pod, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable})
				})
				return w
			},
			[]string{"delete Pod web-1" + broken},
		},
		"a partition keeps the lowest": {
			func(t *testing.T) *world {
				return settled(t, web().Partition(2).MaxUnavailable("3")).withImage("app:2")
			},
			[]string{"delete Pod web-2" + turn},
		},
		"a partition of all Pods keeps them all": {
			func(t *testing.T) *world { return settled(t, web().Partition(3)).withImage("app:2") },
			nil,
		},
		"a partition beyond the replicas keeps them all": {
			func(t *testing.T) *world { return settled(t, web().Partition(30)).withImage("app:2") },
			nil,
		},
		"Pods below the partition that are down take up the budget": {
			func(t *testing.T) *world { return settled(t, web().Partition(1)).withImage("app:2").unready("web-0") },
			nil,
		},
		"broken Pods below the partition stay, too": {
			func(t *testing.T) *world {
				return settled(t, web().Partition(1).MaxUnavailable("2")).withImage("app:2").waiting("CrashLoopBackOff", "web-0")
			},
			[]string{"delete Pod web-2" + turn},
		},
		"a broken Pod below the partition goes when nobody asks for its revision any more": {
			func(t *testing.T) *world {
				w := settled(t, web().Partition(1))
				w.changePod("web-0", func(pod *corev1.Pod) { pod.Labels["controller-revision-hash"] = "web-lost" })
				return w.waiting("ImagePullBackOff", "web-0")
			},
			[]string{"delete Pod web-0: it cannot run (ImagePullBackOff) at a revision that was given up"},
		},
		"reserved ordinals do not count for the partition": {
			func(t *testing.T) *world {
				return settled(t, web().Reserve("0", "2").Partition(1).MaxUnavailable("3")).withImage("app:2")
			},
			[]string{"delete Pod web-4" + turn, "delete Pod web-3" + turn},
		},
		"paused: nothing goes": {
			func(t *testing.T) *world {
				return settled(t, web().Paused()).withImage("app:2").waiting("CrashLoopBackOff", "web-0").unready("web-1")
			},
			nil,
		},
		"OnDelete: nothing goes": {
			func(t *testing.T) *world {
				return settled(t, web().OnDelete()).withImage("app:2").waiting("CrashLoopBackOff", "web-0")
			},
			nil,
		},
		"unordered: the highest priority first": {
			func(t *testing.T) *world {
				w := settled(t, parallel().Unordered(&v1beta1.UpdatePriorityStrategy{OrderPriority: []v1beta1.UpdatePriorityOrderTerm{{OrderedKey: "weight"}}}))
				return w.labelled("weight", "5", "web-0").labelled("weight", "10", "web-1").withImage("app:2")
			},
			[]string{"delete Pod web-1" + turn},
		},
		"unordered: the partition counts those on their way": {
			func(t *testing.T) *world {
				return settled(t, parallel().Unordered(nil).Partition(2).MaxUnavailable("3")).withImage("app:2").going("web-0")
			},
			nil,
		},
		"InPlaceOnly leaves alone what cannot change in place": {
			func(t *testing.T) *world {
				w := settled(t, web().Policy(v1beta1.InPlaceOnlyPodUpdatePolicy))
				w.edit("arguments", func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Args = []string{"-v"} })
				return w
			},
			nil,
		},
		"InPlaceIfPossible recreates, and says which fields make it": {
			func(t *testing.T) *world {
				w := settled(t, web().InPlace())
				w.edit("arguments", func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Args = []string{"-v"} })
				return w
			},
			[]string{"delete Pod web-2: its turn has come; this cannot change in a running Pod: spec.template.spec.containers[app].args"},
		},
		"a Pod whose node can never give it what it is resized to is recreated": {
			func(t *testing.T) *world { return infeasible(settled(t, web().InPlace())) },
			[]string{"delete Pod web-2: node node-1 cannot give it what it is resized to: Node didn't have enough capacity"},
		},
		"InPlaceOnly leaves such a Pod alone": {
			func(t *testing.T) *world {
				return infeasible(settled(t, web().Policy(v1beta1.InPlaceOnlyPodUpdatePolicy)))
			},
			nil,
		},
		"a revision that is not recorded leads nowhere in place": {
			func(t *testing.T) *world {
				return settled(t, web().InPlace()).labelled("controller-revision-hash", "web-lost", "web-1")
			},
			[]string{`delete Pod web-1: its turn has come; this cannot change in a running Pod: revision "web-lost", which the Pod is at, is no longer recorded`},
		},
	})
}

func TestDeleteAsked(t *testing.T) {
	asked := func(w *world, names ...string) *world { return w.labelled(v1beta1.SpecifiedDeleteLabel, "", names...) }
	label := ": it carries the label apps.kruise.io/specified-delete"
	checkPlans(t, map[string]planCase{
		"one goes":          {func(t *testing.T) *world { return asked(settled(t, web()), "web-1") }, []string{"delete Pod web-1" + label}},
		"though paused":     {func(t *testing.T) *world { return asked(settled(t, web().Paused()), "web-1") }, []string{"delete Pod web-1" + label}},
		"with OnDelete":     {func(t *testing.T) *world { return asked(settled(t, web().OnDelete()), "web-1") }, []string{"delete Pod web-1" + label}},
		"below a partition": {func(t *testing.T) *world { return asked(settled(t, web().Partition(3)), "web-0") }, []string{"delete Pod web-0" + label}},
		"the highest first": {func(t *testing.T) *world { return asked(settled(t, web()), "web-0", "web-1") }, []string{"delete Pod web-1" + label}},
		"within the budget": {func(t *testing.T) *world { return asked(settled(t, web()), "web-0").unready("web-2") }, nil},
		"those that do not serve at once": {
			func(t *testing.T) *world { return asked(settled(t, web()), "web-0", "web-1").unready("web-0", "web-1") },
			[]string{"delete Pod web-1" + label, "delete Pod web-0" + label},
		},
		"before the rollout, which waits for it": {
			func(t *testing.T) *world { return asked(settled(t, web().Partition(1)), "web-0").withImage("app:2") },
			[]string{"delete Pod web-0" + label},
		},
	})
}

// What a new Pod is made from.
func TestRevisionOfNewPods(t *testing.T) {
	for name, test := range map[string]struct {
		set  *build.StatefulSetBuilder
		gone []string
		want []string
	}{
		"above the partition: the new one":                {web().Partition(1), []string{"web-1"}, []string{"web-1 <app:2>"}},
		"below the partition: the current one":            {web().Partition(2), []string{"web-1"}, []string{"web-1 <app:1>"}},
		"reserved ordinals do not count":                  {web().Reserve("0").Partition(1), []string{"web-1"}, []string{"web-1 <app:1>"}},
		"OnDelete: the new one":                           {web().OnDelete().Partition(3), []string{"web-0"}, []string{"web-0 <app:2>"}},
		"paused: the new one":                             {web().Paused(), []string{"web-0"}, []string{"web-0 <app:2>"}},
		"unordered: as many stay as the partition says":   {web().Parallel().Unordered(nil).Partition(1), []string{"web-0"}, []string{"web-0 <app:2>"}},
		"unordered: the current one while fewer are left": {web().Parallel().Unordered(nil).Partition(2), []string{"web-1", "web-2"}, []string{"web-1 <app:1>", "web-2 <app:2>"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, test.set.Parallel()).withImage("app:2")
			w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
			w.pass() // records the new revision
			var got []string
			for _, c := range w.without(test.gone...).plan().Create {
				got = append(got, fmt.Sprint(c.Pod.Name, " ", w.revisionName(c.Revision)))
				if label := c.Pod.Labels["controller-revision-hash"]; label != c.Revision || "<"+c.Pod.Spec.Containers[0].Image+">" != w.revisionName(c.Revision) {
					t.Errorf("Pod %s has the label %s and image %s, of revision %s", c.Pod.Name, label, c.Pod.Spec.Containers[0].Image, c.Revision)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMinReadySeconds(t *testing.T) {
	w := settled(t, web()).withImage("app:2")
	w.edit("30 s, and 20 s in the other place", func(spec *v1beta1.StatefulSetSpec) {
		twenty := int32(20)
		spec.MinReadySeconds, spec.UpdateStrategy.RollingUpdate.MinReadySeconds = 30, &twenty
	})
	w.changePod("web-0", func(pod *corev1.Pod) {
		pods.Condition(pod, corev1.PodReady).LastTransitionTime = metav1.NewTime(w.Now().Add(-25e9))
	})
	w.changePod("web-1", func(pod *corev1.Pod) {
		pods.Condition(pod, corev1.PodReady).LastTransitionTime = metav1.NewTime(w.Now().Add(-31e9))
	})
	w.changePod("web-2", func(pod *corev1.Pod) {
		pods.Condition(pod, corev1.PodReady).LastTransitionTime = metav1.NewTime(w.Now().Add(-31e9))
	})
	if diff := cmp.Diff([]string{"delete Pod web-0: it does not serve, so little is lost"}, w.decide()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
	if got := w.plan().RequeueAfter; got < 4900*time.Millisecond || got > 5100*time.Millisecond {
		t.Errorf("looks again in %s, want 5 s", got)
	}
}

// infeasible lets the node of web-2 refuse a resize.
func infeasible(w *world) *world {
	w.changePod("web-2", func(pod *corev1.Pod) {
		pod.Annotations[v1beta1.InPlaceUpdateStateAnnotation] = `{"revision":"r","updateResources":true,"resized":["app"]}`
		pod.Spec.Containers[0].Resources = build.Resources("64", "1Gi")
		cluster.SetCondition(pod, corev1.PodCondition{
			Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: corev1.PodReasonInfeasible, Message: "Node didn't have enough capacity",
		})
	})
	w.changePod("web-2", func(pod *corev1.Pod) { pod.Status.ObservedGeneration = pod.Generation })
	return w
}

func TestOnePlanCreatesNoMoreThanItCanHold(t *testing.T) {
	w := newWorld(t, web().Parallel().Replicas(maxCreations+1))
	w.cache.Sync()
	if n := len(w.plan().Create); n != maxCreations {
		t.Errorf("%d Pods are created at once, want %d", n, maxCreations)
	}
}
