// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// BenchmarkPlan is one decision over a snapshot of n Pods of which half are up to date: "snapshot" reads the Pods'
// annotations, "plan" decides, "status" reports. "apart" is a snapshot of Pods that were made one by one, so that no two
// record the same, and "changed" one of Pods that were changed in place besides, one by one.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		pods, set := halfRolled(b, n, 0)
		apart, _ := halfRolled(b, n, time.Second)
		changed := changedInPlace(b, set, apart)
		s := lookAt(pods, set)
		plan, err := makePlan(s)
		if err != nil {
			b.Fatal(err)
		}
		for name, run := range map[string]func(){
			"snapshot": func() { lookAt(pods, set) },
			"apart":    func() { lookAt(apart, set) },
			"changed":  func() { lookAt(changed, set) },
			"plan":     func() { _, err = makePlan(s) },
			"status":   func() { makeStatus(s, plan, &Outcome{}) },
		} {
			b.Run(fmt.Sprintf("pods=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
			})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// changedInPlace are copies of Pods that were brought to the set's version from another one.
func changedInPlace(b testing.TB, set *sidecar.Set, pods []*corev1.Pod) []*corev1.Pod {
	b.Helper()
	out := make([]*corev1.Pod, 0, len(pods))
	for i, pod := range pods {
		pod = pod.DeepCopy()
		if view := sidecar.NewView(pod, set); !view.Updated() {
			update, err := set.Update(view, nil, metav1.NewTime(build.Epoch.Add(time.Duration(i)*time.Second)))
			if err != nil {
				b.Fatal(err)
			}
			for key, text := range update.Records {
				pod.Annotations[key] = text
			}
			for name, image := range update.Images {
				for j := range pod.Spec.Containers {
					if c := &pod.Spec.Containers[j]; c.Name == name {
						c.Image = image
					}
				}
			}
			build.RunContainers(pod)
		}
		out = append(out, pod)
	}
	return out
}

// lookAt makes a snapshot of Pods that hold a set.
func lookAt(pods []*corev1.Pod, set *sidecar.Set) *Snapshot {
	s, decoder := &Snapshot{Now: build.Epoch.Add(24 * time.Hour), Set: set}, sidecar.NewDecoder(set)
	for _, pod := range pods {
		s.Matched = append(s.Matched, decoder.View(pod))
	}
	return s
}

// halfRolled are n Pods, made one every so often, of which half are at the set's version. Nobody lists them in order.
func halfRolled(b testing.TB, n int, every time.Duration) ([]*corev1.Pod, *sidecar.Set) {
	b.Helper()
	old := build.MakeSidecarSet("s").MaxUnavailable("1%").Container("agent", "agent:1").Obj()
	current := old.DeepCopy()
	current.Spec.Containers[0].Image = "agent:2"
	var sets []*sidecar.Set
	for _, object := range []*v1beta1.SidecarSet{old, current} {
		set, err := sidecar.Compile(object)
		if err != nil {
			b.Fatal(err)
		}
		sets = append(sets, set)
	}
	var pods []*corev1.Pod
	for i := range n {
		pod := build.MakePod(fmt.Sprintf("web-%05d", i)).Label("app", "web").New().Obj()
		injection, err := sidecar.Inject(pod, sets[i%2:i%2+1], metav1.NewTime(build.Epoch.Add(time.Duration(i)*every)))
		if err != nil {
			b.Fatal(err)
		}
		injection.Apply(pod)
		pod.Spec.NodeName = "node-1"
		build.RunContainers(pod)
		build.SetReady(pod, true, build.Epoch.Add(time.Duration(i)*time.Second))
		pods = append(pods, pod)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
	return pods, sets[1]
}

// BenchmarkPlanOfManyBudgets is one decision over 10,000 Pods of 500 workloads, which 100 PodDisruptionBudgets cover: most
// Pods are asked all rules, since their workloads and budgets have none left. With "everything" they are in three zones
// besides, have to serve for 30 s, and one node pulls first.
func BenchmarkPlanOfManyBudgets(b *testing.B) {
	for name, everything := range map[string]bool{"budgets": false, "everything": true} {
		s := manyBudgets(b, 10_000, everything)
		plan, err := makePlan(s)
		if err != nil {
			b.Fatal(err)
		}
		if len(plan.Updates) == 0 || len(plan.Waiting) < 100 {
			b.Fatalf("%d updates, Pods wait for %d things: %s", len(plan.Updates), len(plan.Waiting), waitsOf(plan))
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := makePlan(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// manyBudgets are n Pods of which each 20 are of one workload, and each 100 are covered by one PodDisruptionBudget.
func manyBudgets(b testing.TB, n int, everything bool) *Snapshot {
	b.Helper()
	pods, set := halfRolled(b, n, 0)
	object := set.Object.DeepCopy()
	object.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromString("100%"))
	object.Spec.UpdateStrategy.MaxUnavailablePerWorkload = ptr.To(intstr.FromInt32(1))
	if everything {
		object.Spec.UpdateStrategy.TopologyKey, object.Spec.UpdateStrategy.MinReadySeconds = zone, 30
	}
	set, err := sidecar.Compile(object)
	if err != nil {
		b.Fatal(err)
	}
	domains, covered := map[string]string{}, disruption.Namespace{}
	var budgets []policyv1.PodDisruptionBudget
	for i := range n / 100 {
		budgets = append(budgets, pdb(fmt.Sprintf("budget-%d", i), 100, 99, map[string]string{"budget": fmt.Sprint(i)}))
	}
	for _, pod := range pods {
		var i int
		if _, err := fmt.Sscanf(pod.Name, "web-%d", &i); err != nil {
			b.Fatal(err)
		}
		w := i % (n / 20)
		ownedBy(pod, fmt.Sprintf("app-%d", w))
		pod.Labels["budget"] = fmt.Sprint(w / 5)
		pod.Spec.NodeName = fmt.Sprintf("node-%d", i%(n/10))
		domains[pod.Spec.NodeName] = string(rune('a' + i%(n/10)%3))
		covered.Pods = append(covered.Pods, *pod)
	}
	covered.Budgets = disruption.Read(budgets)
	s := lookAt(pods, set)
	s.Disruption = disruption.Budgets{"default": covered}
	if everything {
		s.Domains, s.Images.Default = domains, v1beta1.ImagePreDownloadFirstNode
	}
	return s
}

// What a plan allocates for a Pod does not grow with the number of Pods: nothing is gone through once for each Pod.
func TestPlansGrowWithTheirPods(t *testing.T) {
	perPod := func(n int) (allocations, bytes float64) {
		s := manyBudgets(t, n, true)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plan, err := makePlan(s)
		runtime.ReadMemStats(&after)
		if err != nil || len(plan.Updates) == 0 {
			t.Fatalf("%v, %v", plan, err)
		}
		return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
	}
	few, fewBytes := perPod(1_000)
	many, manyBytes := perPod(8_000)
	if many > 1.5*few || manyBytes > 1.5*fewBytes {
		t.Errorf("for each Pod of 1,000: %.1f allocations, %.0f bytes; of 8,000: %.1f, %.0f", few, fewBytes, many, manyBytes)
	}
}
