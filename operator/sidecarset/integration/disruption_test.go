// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// protect makes a PodDisruptionBudget and waits until the disruption controller has counted its Pods.
func (f *fixture) protect(ctx context.Context, name string, labels map[string]string, needed, healthy int32) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name},
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels}, MinAvailable: ptr.To(intstr.FromInt32(needed)),
		},
	})).To(Succeed())
	f.awaitHealthy(ctx, name, healthy)
}

func (f *fixture) budget(ctx context.Context, name string) *policyv1.PodDisruptionBudget {
	GinkgoHelper()
	budget := &policyv1.PodDisruptionBudget{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: name}, budget)).To(Succeed())
	return budget
}

func (f *fixture) awaitHealthy(ctx context.Context, name string, healthy int32) {
	GinkgoHelper()
	Eventually(func() policyv1.PodDisruptionBudgetStatus { return f.budget(ctx, name).Status }).WithTimeout(patience).
		Should(MatchFields(IgnoreExtras, Fields{"CurrentHealthy": Equal(healthy), "ObservedGeneration": BeNumerically(">", 0)}))
}

// down takes a Pod out of service, as its kubelet does when a container stops.
func (f *fixture) down(ctx context.Context, name string) {
	GinkgoHelper()
	pod := f.get(ctx, name)
	build.SetReady(pod, false, time.Now())
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

// evict asks by dry run for the eviction of a Pod.
func (f *fixture) evict(ctx context.Context, name string) error {
	GinkgoHelper()
	body := &policyv1.Eviction{DeleteOptions: &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}}
	return k8s.SubResource("eviction").Create(ctx, f.get(ctx, name), body)
}

// tiered gives new Pods of the fixture a label.
func (f *fixture) tiered(ctx context.Context, tier string, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		pod := f.newPod(name, true)
		pod.Labels["tier"] = tier
		Expect(k8s.Create(ctx, pod)).To(Succeed())
		f.kubelet(ctx, name)
	}
}

var _ = Describe("PodDisruptionBudgets, counted by the disruption controller", func() {
	web := map[string]string{"app": "web"}

	It("allow here what the eviction API grants", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.tiered(ctx, "front", "a", "b", "c")
		f.protect(ctx, "web", web, 2, 3)
		agree := func(granted bool) {
			GinkgoHelper()
			budget := disruption.Read([]policyv1.PodDisruptionBudget{*f.budget(ctx, "web")})[0]
			Expect(budget.Covers(f.get(ctx, "a"))).To(BeTrue())
			Expect(budget.Allowed() > 0).To(Equal(granted), "what is allowed here")
			err := f.evict(ctx, "a")
			Expect(err == nil).To(Equal(granted), "what the API server says: %v", err)
			if !granted {
				Expect(apierrors.IsTooManyRequests(err)).To(BeTrue(), "%v", err)
				Expect(refusal.Words(err)).To(ContainSubstring("The disruption budget web needs 2 healthy pods and has 2 currently"))
				Expect(budget.Words(2)).To(Equal("PodDisruptionBudget " + f.namespace + "/web allows none now (2 healthy of 2 needed)"))
			}
		}
		agree(true)
		f.down(ctx, "b")
		f.awaitHealthy(ctx, "web", 2)
		agree(false)
		f.kubelet(ctx, "b")
		f.awaitHealthy(ctx, "web", 3)
		agree(true)

		By("a second budget")
		f.protect(ctx, "all", map[string]string{"tier": "front"}, 0, 3)
		Expect(refusal.KindOf(f.evict(ctx, "a"))).To(Equal(refusal.Refused))
	})

	It("keep their Pods, by name, while all others are updated, until the set ignores them", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) { b.MaxUnavailable("100%") })
		f.tiered(ctx, "back", "a", "b")
		f.tiered(ctx, "front", "c")
		f.protect(ctx, "front", map[string]string{"tier": "front"}, 1, 1)
		f.image(ctx, "agent:2")
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(2))
		Consistently(f.updated(ctx, "agent:2"), "1s").Should(Equal(2))
		Expect(f.get(ctx, "c").Spec.Containers[0].Image).To(Equal("agent:1"))
		f.kubelet(ctx, "a")
		f.kubelet(ctx, "b")
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"UpdatedReadyPods": Equal(int32(2)),
			"Waiting": ConsistOf(v1beta1.WaitingPods{
				Reason: v1beta1.WaitingDisruptionBudget, Pods: 1, First: f.namespace + "/c",
			}),
			"Conditions": ContainElement(MatchFields(IgnoreExtras, Fields{
				"Type":    Equal(v1beta1.ConditionReady),
				"Message": ContainSubstring("PodDisruptionBudget " + f.namespace + "/front allows none now (1 healthy of 1 needed)"),
			})),
		}))
		f.change(ctx, func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.DisruptionBudgets = v1beta1.IgnoreDisruptionBudgets })
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(3))
	})

	It("are spent once by two sets that roll out at the same time", func(ctx SpecContext) {
		one := newFixture(ctx, func(b *build.SidecarSetBuilder) {
			b.MaxUnavailable("100%").Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"tier": "one"}})
		})
		two := &fixture{namespace: one.namespace, set: build.MakeSidecarSet(one.namespace+"-two").Container("agent", "agent:1").
			MaxUnavailable("100%").Spec(func(s *v1beta1.SidecarSetSpec) {
			s.NamespaceSelector, s.Selector = one.set.Spec.NamespaceSelector, &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "two"}}
		}).Obj()}
		two.set.ObjectMeta = metav1.ObjectMeta{Name: two.set.Name}
		Expect(k8s.Create(ctx, two.set)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, two.set)).To(Succeed()) })
		names := []string{"one-a", "one-b", "one-c", "two-a", "two-b", "two-c"}
		one.tiered(ctx, "one", names[:3]...)
		two.tiered(ctx, "two", names[3:]...)
		one.protect(ctx, "web", web, 5, 6)

		one.image(ctx, "agent:2")
		two.image(ctx, "agent:2")
		back := map[string]bool{}
		for done := 1; done <= len(names); done++ {
			Eventually(one.updated(ctx, "agent:2")).WithTimeout(time.Minute).Should(Equal(done))
			Consistently(one.updated(ctx, "agent:2"), "500ms").Should(Equal(done), "the budget lets one Pod go")
			for _, name := range names {
				if pod := one.get(ctx, name); pod.Spec.Containers[0].Image == "agent:2" && !back[name] {
					back[name] = true
					one.down(ctx, name)
					one.awaitHealthy(ctx, "web", 5)
					one.kubelet(ctx, name)
					one.awaitHealthy(ctx, "web", 6)
					break // the next Pod may have been taken already
				}
			}
		}
	})
})
