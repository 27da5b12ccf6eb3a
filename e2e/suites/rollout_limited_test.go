// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("A change that no running Pod can take", func() {
	It("is named with its path and the count, on the Pods too, and is over when it is undone or the Pods are new", func(ctx SpecContext) {
		r := startRollout(ctx, 2)
		newArgs := func(set *v1beta1.SidecarSet) { set.Spec.Containers[0].Args = []string{"serve"} }

		r.change(ctx, newArgs)
		awaitCondition(ctx, r.set, v1beta1.ConditionUpdateLimited, metav1.ConditionTrue, v1beta1.ReasonUpdateImmutableField)
		message := conditionMessage(ctx, r.set, v1beta1.ConditionUpdateLimited)
		figure("UpdateLimited", "%s", message)
		Expect(message).To(And(ContainSubstring("spec.containers[sidecar].args"), ContainSubstring("2 Pods")))
		r.awaitUpgradable(ctx, corev1.ConditionFalse, v1beta1.ReasonUpdateImmutableField)

		By("undoing it")
		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Spec.Containers[0].Args = nil })
		r.awaitUnlimited(ctx)
		r.awaitUpgradable(ctx, corev1.ConditionTrue, v1beta1.ReasonAllSidecarSetsUpgradable)
		expectUntouched(r.before, r.awaitReady(ctx, v1beta1.ReasonComplete))

		By("making it again, and one Pod after the other anew")
		r.change(ctx, newArgs)
		for left := 2; left > 0; left-- {
			Eventually(ctx, func() string { return conditionMessage(ctx, r.set, v1beta1.ConditionUpdateLimited) }).Should(
				ContainSubstring(fmt.Sprintf("So %d Pod", left)))
			old := r.withoutArgs(ctx)
			Expect(old).To(HaveLen(left))
			Expect(cluster.Client.Delete(ctx, &old[0])).To(Succeed())
		}
		r.awaitUnlimited(ctx)
		r.awaitReady(ctx, v1beta1.ReasonComplete)
		Expect(r.withoutArgs(ctx)).To(BeEmpty())
		awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
	}, SpecTimeout(framework.SpecPatience))
})

// awaitUpgradable waits until the condition SidecarSetUpgradable says so on every Pod.
func (r *rollout) awaitUpgradable(ctx context.Context, status corev1.ConditionStatus, reason string) {
	GinkgoHelper()
	verdict := fmt.Sprintf(`{%q:%t}`, r.set, status == corev1.ConditionTrue)
	Eventually(ctx, func(g Gomega) {
		for _, pod := range r.pods(ctx) {
			condition := podCondition(&pod, v1beta1.SidecarSetUpgradableCondition)
			g.Expect(condition.Status).To(Equal(status), "of Pod %s", pod.Name)
			g.Expect(condition.Reason).To(Equal(reason))
			g.Expect(condition.Message).To(MatchJSON(verdict))
		}
	}).Should(Succeed())
}

// awaitUnlimited waits until the SidecarSet has no condition UpdateLimited.
func (r *rollout) awaitUnlimited(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func() string { return conditionMessage(ctx, r.set, v1beta1.ConditionUpdateLimited) }).Should(BeEmpty())
}

// withoutArgs are the Pods whose sidecar has no args.
func (r *rollout) withoutArgs(ctx context.Context) (out []corev1.Pod) {
	GinkgoHelper()
	for _, pod := range r.pods(ctx) {
		if len(framework.Container(&pod, framework.SidecarContainer).Args) == 0 {
			out = append(out, pod)
		}
	}
	return out
}
