// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// benchSet is a set of n replicas at its second revision, with all that costs: a claim, a gate, a budget.
func benchSet(n int) *v1beta1.StatefulSet {
	return build.MakeStatefulSet("web").Parallel().Replicas(int32(n)).InPlace().MaxUnavailable("1%").Claim("data", "1Gi").Image("app:2").Obj()
}

// benchPods are n Pods that run, of which those below old are at the first revision and the others were brought to the
// second in place.
func benchPods(tb testing.TB, set *v1beta1.StatefulSet, n, old int) (pods []*corev1.Pod, revisions []*Revision) {
	tb.Helper()
	first := set.DeepCopy()
	first.Spec.Template.Spec.Containers[0].Image = "app:1"
	var names []string
	for _, s := range []*v1beta1.StatefulSet{first, set} {
		plan, err := planRevisions(&Snapshot{Set: s, Template: podtemplate.Defaulted(&s.Spec.Template), Revisions: revisions})
		if err != nil {
			tb.Fatal(err)
		}
		r := readTemplate(plan.Create)
		r.prepare(podtemplate.Defaulted(&set.Spec.Template))
		revisions = append(revisions, r)
		names = append(names, plan.Update)
	}
	set.Status.CurrentRevision = names[0]
	for i := range n {
		which := 1
		if i < old {
			which = 0
		}
		pod := newPod(set, revisions[which].Template, i, names[which], benchNow())
		pod.UID, pod.Generation = types.UID(fmt.Sprint("uid-", i)), 1
		if which == 1 {
			state := &inplace.State{Revision: names[1], UpdateTimestamp: benchNow(), LastContainerStatuses: map[string]inplace.Replaced{"app": {ImageID: "x"}}}
			pod.Annotations[v1beta1.InPlaceUpdateStateAnnotation] = string(cluster.Encode(tb, state))
		}
		pod.Spec.NodeName = "node-1"
		build.RunContainers(pod)
		for _, kind := range []corev1.PodConditionType{corev1.PodReady, v1beta1.InPlaceUpdateReadyCondition} {
			cluster.SetCondition(pod, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: benchNow()})
		}
		pods = append(pods, pod)
	}
	return pods, revisions
}

func benchNow() metaTime { return (&Snapshot{Now: build.Epoch}).now() }

func benchSnapshot(set *v1beta1.StatefulSet, pods []*corev1.Pod, revisions []*Revision) *Snapshot {
	s := &Snapshot{
		Now: build.Epoch.Add(time.Hour), Set: set, Template: podtemplate.Defaulted(&set.Spec.Template), Revisions: revisions,
		Claims: make(map[string]*corev1.PersistentVolumeClaim, len(pods)), CanResize: true,
	}
	for _, pod := range pods {
		s.Pods = append(s.Pods, s.newView(pod))
		name := "data-" + pod.Name
		s.Claims[name] = build.MakeClaim(name).Obj()
	}
	return s
}

// BenchmarkPlan is one decision over n Pods: "steady" when all is done, "rollout" in the middle of one, "create" when
// there are no Pods yet. "views" reads the Pods once, in the middle of a rollout.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		for name, size := range map[string]struct{ pods, old int }{"steady": {n, 0}, "rollout": {n, n / 2}, "create": {0, 0}} {
			b.Run(fmt.Sprintf("pods=%d/%s", n, name), func(b *testing.B) {
				set := benchSet(n)
				pods, revisions := benchPods(b, set, size.pods, size.old)
				s := benchSnapshot(set, pods, revisions)
				b.ReportAllocs()
				began := cpuTime(b)
				for b.Loop() {
					plan, err := makePlan(s)
					if err != nil {
						b.Fatal(err)
					}
					if want := map[string]int{"steady": 0, "rollout": n / 100, "create": min(n, maxCreations)}[name]; len(plan.Create)+len(plan.Change) != want {
						b.Fatalf("%d actions, want %d", len(plan.Create)+len(plan.Change), want)
					}
				}
				reportCPU(b, began)
			})
		}
		b.Run(fmt.Sprintf("pods=%d/views", n), func(b *testing.B) {
			set := benchSet(n)
			pods, _ := benchPods(b, set, n, n/2)
			s := &Snapshot{Now: build.Epoch.Add(time.Hour), Set: set}
			began := cpuTime(b)
			for b.Loop() {
				for _, pod := range pods {
					s.newView(pod)
				}
			}
			reportCPU(b, began)
		})
	}
}

// BenchmarkHuge is a look at a set of a hundred thousand replicas that no node takes, once as many of its Pods are
// there as may be.
func BenchmarkHuge(b *testing.B) {
	set := benchSet(100_000)
	pods, revisions := benchPods(b, set, maxStarting, 0)
	for _, pod := range pods {
		pod.Spec.NodeName = ""
		build.SetReady(pod, false, build.Epoch)
	}
	s := benchSnapshot(set, pods, revisions)
	b.ReportAllocs()
	began := cpuTime(b)
	for b.Loop() {
		plan, err := makePlan(s)
		if err != nil || len(plan.Create) > 0 {
			b.Fatalf("%d Pods are created, %v", len(plan.Create), err)
		}
		makeStatus(s, plan, &Outcome{})
	}
	reportCPU(b, began)
}

// cpuTime is what the program has used of the processors, garbage collection included. Unlike the time that passes it
// is the same on a busy machine.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func reportCPU(b *testing.B, began time.Duration) {
	b.Helper()
	b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}
