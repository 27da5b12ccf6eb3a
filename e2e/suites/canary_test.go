// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("A canary SidecarSet", func() {
	It("takes the place of its base in the Pods that it matches, and the base goes on for the others", func(ctx SpecContext) {
		r := startRollout(ctx, 2)
		canary := createSet(ctx, canaryOf(r))

		canaryPods := r.runCanaryPods(ctx, canary.Name)

		for i := range canaryPods {
			Expect(canaryPods[i].Annotations).To(HaveKeyWithValue(v1beta1.SidecarSetInjectedListAnnotation, canary.Name))
			Expect(containerNames(canaryPods[i].Spec.Containers)).To(Equal([]string{framework.SidecarContainer, framework.AppContainer}))
		}
		Expect(holding(canaryPods, framework.SidecarImageV2)).To(HaveLen(2))
		awaitCounters(ctx, canary.Name, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
		awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
		awaitCondition(ctx, r.set, v1beta1.ConditionInjected, metav1.ConditionTrue, v1beta1.ReasonAllPodsInjected)

		By("giving the base a new image while its canary is there")
		r.change(ctx, setImage(framework.SidecarImageV3))
		awaitCondition(ctx, r.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		after := r.pods(ctx)
		expectInPlace(r.before, sameAs(after, r.before), framework.SidecarImageV3)
		expectUntouched(canaryPods, sameAs(after, canaryPods))
	}, SpecTimeout(framework.SpecPatience))
})

// canaryLabel marks the Pods that get the canary.
const canaryLabel = "track"

// canaryOf makes a SidecarSet that stands in for another one, with another image. It is not created yet.
func canaryOf(r *rollout) *v1beta1.SidecarSet {
	set := framework.SidecarSet(r.set+"-canary", r.namespace, "app")
	set.Annotations = map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: r.set}
	set.Spec.Selector.MatchLabels[canaryLabel] = "canary"
	set.Spec.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
	set.Spec.Containers[0].Image = framework.SidecarImageV2
	return set
}

// runCanaryPods runs two Pods that both the base and the canary select, once the webhook knows the canary.
func (r *rollout) runCanaryPods(ctx context.Context, canary string) []corev1.Pod {
	GinkgoHelper()
	labels := map[string]string{framework.AppLabel: "app", canaryLabel: "canary"}
	deployment := framework.Deployment(r.namespace, "app-canary", 2)
	deployment.Spec.Selector.MatchLabels = labels
	deployment.Spec.Template.Labels = labels
	Eventually(ctx, func() (string, error) {
		pod := framework.UnscheduledPod(r.namespace, "probe", "app")
		pod.Labels = labels
		err := cluster.Client.Create(ctx, pod, client.DryRunAll)
		return pod.Annotations[v1beta1.SidecarSetInjectedListAnnotation], err
	}).Should(Equal(canary), "sets injected into a new Pod")
	return runWorkload(ctx, deployment)
}
