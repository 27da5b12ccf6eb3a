// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("Pods that missed their sidecars", func() {
	It("are found, and created anew one at a time with repairPolicy Recreate, unless something protects them", func(ctx SpecContext) {
		r := startUninjected(ctx, 3)
		lonely := framework.UnscheduledPod(r.namespace, "lonely", "app")
		lonely.Spec.SchedulerName = ""
		createPod(ctx, lonely)
		missed := r.awaitServing(ctx, 4)

		By("naming them apart while no webhook serves their namespace")
		awaitCondition(ctx, r.set, v1beta1.ConditionInjected, metav1.ConditionFalse, v1beta1.ReasonNamespaceNotServed)
		figure("Injected", "%s", conditionMessage(ctx, r.set, v1beta1.ConditionInjected))

		By("finding them as soon as the namespace is in the webhook's reach")
		unlabelNamespace(ctx, r.namespace, v1beta1.InjectionLabel)
		awaitCounters(ctx, r.set, counters{Uninjected: 4})
		awaitCondition(ctx, r.set, v1beta1.ConditionInjected, metav1.ConditionFalse, v1beta1.ReasonPodsNotInjected)
		Expect(r.uninjected(ctx)).To(Equal(reasons(missed, v1beta1.ReasonMatchedLater)))

		By("leaving them alone until somebody asks for their repair")
		awaitInjection(ctx, r.namespace, r.set)
		// The youngest Pod shows that the webhook works again. Creation times are whole seconds.
		Eventually(ctx, time.Now).Should(BeTemporally(">", newestOf(missed).Add(time.Second)))
		r.scale(ctx, 4)
		awaitCounters(ctx, r.set, counters{Matched: 1, Updated: 1, Ready: 1, UpdatedReady: 1, Uninjected: 4})
		expectUntouched(missed, sameAs(r.awaitServing(ctx, 5), missed))

		By("respecting a PodDisruptionBudget")
		budget := r.protect(ctx, 4)
		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Spec.RepairPolicy = v1beta1.RepairRecreate })
		Eventually(ctx, func() string { return conditionMessage(ctx, r.set, v1beta1.ConditionInjected) }).Should(
			And(ContainSubstring("PodDisruptionBudgets keep"), ContainSubstring("lonely (NotEvictable)")))
		figure("Injected", "%s", conditionMessage(ctx, r.set, v1beta1.ConditionInjected))
		want := reasons(missed, v1beta1.ReasonMatchedLater)
		want["lonely"] = "NotEvictable"
		Expect(r.uninjected(ctx)).To(Equal(want))
		expectUntouched(missed, sameAs(r.awaitServing(ctx, 5), missed))

		By("evicting one Pod at a time when the budget is gone")
		least := 5
		stop := r.watchPods(ctx, func(_ *corev1.Pod, all map[types.UID]*corev1.Pod) { least = min(least, serving(all)) })
		began := time.Now()
		Expect(cluster.Client.Delete(ctx, budget)).To(Succeed())
		awaitCounters(ctx, r.set, counters{Matched: 4, Updated: 4, Ready: 4, UpdatedReady: 4, Uninjected: 1})
		stop()
		figure("3 Pods repaired", "%.1f s; of 5 Pods at least %d served at any time", time.Since(began).Seconds(), least)
		Expect(least).To(Equal(4), "Pods that served at the worst moment, with maxUnavailable 1 of 5")
		Expect(r.uninjected(ctx)).To(Equal(map[string]string{"lonely": "NotEvictable"}))
		kept := sameAs(r.awaitServing(ctx, 5), []corev1.Pod{*lonely})
		expectUntouched(sameAs(missed, kept), kept)
	}, SpecTimeout(framework.SpecPatience))
})

// startUninjected runs Pods in a namespace in which nothing is injected, beside a SidecarSet that selects them.
func startUninjected(ctx context.Context, count int32) *rollout {
	GinkgoHelper()
	r := &rollout{namespace: newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled})}
	set := createSet(ctx, framework.SidecarSet(r.namespace, r.namespace, "app"))
	r.set = set.Name
	// Pods of the set's own second count as older than it.
	Eventually(ctx, time.Now).Should(BeTemporally(">", set.CreationTimestamp.Add(time.Second)))
	r.deployment = framework.Deployment(r.namespace, "app", count)
	r.before = runWorkload(ctx, r.deployment)
	awaitCounters(ctx, r.set, counters{})
	return r
}

// awaitServing waits until exactly so many Pods of the workload are ready.
func (r *rollout) awaitServing(ctx context.Context, count int) []corev1.Pod {
	GinkgoHelper()
	var pods []corev1.Pod
	Eventually(ctx, func() (err error) {
		pods, err = cluster.ReadyPods(ctx, r.namespace, r.deployment.Spec.Selector.MatchLabels, count)
		return err
	}).Should(Succeed())
	return pods
}

// newestOf is when the newest of some Pods was created, to the second.
func newestOf(pods []corev1.Pod) time.Time {
	var newest time.Time
	for i := range pods {
		if created := pods[i].CreationTimestamp.Time; created.After(newest) {
			newest = created
		}
	}
	return newest
}

// serving counts the Pods that are ready and stay.
func serving(pods map[types.UID]*corev1.Pod) (count int) {
	for _, pod := range pods {
		if pod.DeletionTimestamp == nil && framework.IsReady(pod) {
			count++
		}
	}
	return count
}

// uninjected are the reasons that the SidecarSet's status gives, by the Pod's name.
func (r *rollout) uninjected(ctx context.Context) map[string]string {
	GinkgoHelper()
	set, err := cluster.GetSidecarSet(ctx, r.set)
	Expect(err).NotTo(HaveOccurred())
	out := map[string]string{}
	for _, pod := range set.Status.Uninjected {
		Expect(pod.Namespace).To(Equal(r.namespace))
		out[pod.Name] = pod.Reason
	}
	return out
}

// reasons gives every Pod the same reason.
func reasons(pods []corev1.Pod, reason string) map[string]string {
	out := map[string]string{}
	for i := range pods {
		out[pods[i].Name] = reason
	}
	return out
}

// protect makes a PodDisruptionBudget that allows no eviction of the Deployment's Pods, and waits until it counts so
// many. A Pod that no controller made is not among them: with one of those no budget counts right.
func (r *rollout) protect(ctx context.Context, count int32) *policyv1.PodDisruptionBudget {
	GinkgoHelper()
	selector := r.deployment.Spec.Selector.DeepCopy()
	selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: appsv1.DefaultDeploymentUniqueLabelKey, Operator: metav1.LabelSelectorOpExists}}
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "app"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: ptr.To(intstr.FromInt32(0)), Selector: selector},
	}
	Expect(cluster.Client.Create(ctx, budget)).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(budget), budget)).To(Succeed())
		g.Expect(budget.Status.ExpectedPods).To(Equal(count))
		g.Expect(budget.Status.DisruptionsAllowed).To(BeZero())
	}).Should(Succeed())
	return budget
}

// unlabelNamespace takes a label away from a namespace.
func unlabelNamespace(ctx context.Context, name, key string) {
	GinkgoHelper()
	namespace := &corev1.Namespace{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: name}, namespace)).To(Succeed())
	before := namespace.DeepCopy()
	delete(namespace.Labels, key)
	Expect(cluster.Client.Patch(ctx, namespace, client.MergeFrom(before))).To(Succeed())
}
