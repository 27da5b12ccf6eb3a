// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// BenchmarkPlan is one decision over a snapshot of n Pods of which half are up to date: "snapshot" reads the Pods'
// annotations, "plan" decides, "status" reports.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		pods, set := halfRolled(b, n)
		look := func() *Snapshot {
			s, decoder := &Snapshot{Now: build.Epoch.Add(time.Hour), Set: set}, sidecar.NewDecoder(set)
			for _, pod := range pods {
				s.Matched = append(s.Matched, decoder.View(pod))
			}
			return s
		}
		s := look()
		plan, err := makePlan(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("pods=%d/snapshot", n), func(b *testing.B) {
			for b.Loop() {
				look()
			}
		})
		b.Run(fmt.Sprintf("pods=%d/plan", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := makePlan(s); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("pods=%d/status", n), func(b *testing.B) {
			for b.Loop() {
				makeStatus(s, plan, &Outcome{})
			}
		})
	}
}

func halfRolled(b *testing.B, n int) ([]*corev1.Pod, *sidecar.Set) {
	b.Helper()
	old := build.MakeSidecarSet("s").MaxUnavailable("1%").Container("agent", "agent:1").Obj()
	current := old.DeepCopy()
	current.Spec.Containers[0].Image = "agent:2"
	var sets []*sidecar.Set
	for _, object := range []*sidecar.Set{{Object: old}, {Object: current}} {
		set, err := sidecar.Compile(object.Object)
		if err != nil {
			b.Fatal(err)
		}
		sets = append(sets, set)
	}
	var pods []*corev1.Pod
	for i := range n {
		pod := build.MakePod(fmt.Sprintf("web-%05d", i)).Label("app", "web").New().Obj()
		injection, err := sidecar.Inject(pod, sets[i%2:i%2+1], metav1.NewTime(build.Epoch))
		if err != nil {
			b.Fatal(err)
		}
		injection.Apply(pod)
		pod.Spec.NodeName = "node-1"
		build.RunContainers(pod)
		build.SetReady(pod, true, build.Epoch.Add(time.Duration(i)*time.Second))
		pods = append(pods, pod)
	}
	return pods, sets[1]
}

// BenchmarkPlanOfManyBudgets is one decision over 10,000 Pods of 500 workloads, which 100 PodDisruptionBudgets cover, in
// three zones: most Pods are asked all rules, since their workloads and budgets have none left.
func BenchmarkPlanOfManyBudgets(b *testing.B) {
	pods, set := halfRolled(b, 10_000)
	object := set.Object.DeepCopy()
	object.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromString("100%"))
	object.Spec.UpdateStrategy.MaxUnavailablePerWorkload = ptr.To(intstr.FromInt32(1))
	object.Spec.UpdateStrategy.TopologyKey, object.Spec.UpdateStrategy.MinReadySeconds = zone, 30
	set, err := sidecar.Compile(object)
	if err != nil {
		b.Fatal(err)
	}
	s := &Snapshot{Now: build.Epoch.Add(24 * time.Hour), Set: set, Domains: map[string]string{}}
	covered := disruption.Namespace{}
	var budgets []policyv1.PodDisruptionBudget
	for i := range 100 {
		budgets = append(budgets, pdb(fmt.Sprintf("budget-%d", i), 100, 99, map[string]string{"budget": fmt.Sprint(i)}))
	}
	for i, pod := range pods {
		ownedBy(pod, fmt.Sprintf("app-%d", i%500))
		pod.Labels["budget"] = fmt.Sprint(i % 500 / 5)
		pod.Spec.NodeName = fmt.Sprintf("node-%d", i%1000)
		s.Domains[pod.Spec.NodeName] = string(rune('a' + i%1000%3))
		s.Matched = append(s.Matched, sidecar.NewView(pod, set))
		covered.Pods = append(covered.Pods, *pod)
	}
	covered.Budgets = disruption.Read(budgets)
	s.Disruption = disruption.Budgets{"default": covered}
	plan, err := makePlan(s)
	if err != nil {
		b.Fatal(err)
	}
	if len(plan.Updates) == 0 || len(plan.Waiting) < 100 {
		b.Fatalf("%d updates, Pods wait for %d things: %s", len(plan.Updates), len(plan.Waiting), waitsOf(plan))
	}
	for b.Loop() {
		if _, err := makePlan(s); err != nil {
			b.Fatal(err)
		}
	}
}
