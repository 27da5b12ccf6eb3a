// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// Three sets meet the same bad node, at the same time: what they wait for takes minutes.
var _ = Describe("Auto remediation on a bad node", Ordered, Serial, Label("remediation"), func() {
	var bad, good string
	var moved, kept, lost *recorded

	BeforeAll(func(ctx SpecContext) {
		bad, good = twoNodes(ctx)
		moved = startRecorded(ctx, newNamespace(ctx, nil), 2, withRemediation, withSpread, excludingFor(60))
		namespace := newNamespace(ctx, nil)
		refuseDeletions(ctx, namespace)
		kept = startRecorded(ctx, namespace, 2, withRemediation, withSpread)
		lost = startRecorded(ctx, newNamespace(ctx, nil), 1, withRemediation, withImage(missingAppImage), rather(bad))
	}, NodeTimeout(framework.SpecPatience))

	It("moves the Pod that cannot start there, with one deletion", func(ctx SpecContext) {
		moved.expectMoved(ctx, good)
		Expect(moved.remedy(ctx)()).To(Equal("True NodeExcluded"))
		figure("Remediating", "%s", moved.remedyMessage(ctx))
		Expect(moved.events(ctx)).To(ContainElement(ContainSubstring("StuckPodDeleted")))
		patch := moved.patch(ctx)
		Expect(patch).NotTo(BeNil(), "the SchedPatch")
		figure("SchedPatch", "expires at %s", patch.Spec.ExpiresAt)
		// The end was known before the patch was written; all times are in whole seconds.
		Expect(patch.Spec.ExpiresAt.Time).To(And(BeTemporally("<=", patch.CreationTimestamp.Add((60+patchGrace+1)*time.Second)),
			BeTemporally(">", patch.CreationTimestamp.Add(patchGrace*time.Second))))
	}, SpecTimeout(framework.SpecPatience))

	It("deletes it once, also when the operator ends between the exclusion and that", func(ctx SpecContext) {
		Eventually(ctx, func() bool { return kept.patch(ctx) != nil }).Should(BeTrue(), "the exclusion is recorded")
		Eventually(ctx, func() string { return typed(ctx, "exclusions", "-n", kept.key.Namespace) }).Should(
			And(ContainSubstring(bad), ContainSubstring("asts/"+kept.key.Name)))
		Expect(made(kept.history.Changes())).To(Equal(2), "Pods, while none can be deleted")
		replaceOperators(ctx)
		allowDeletions(ctx, kept.key.Namespace)
		kept.expectMoved(ctx, good)
	}, SpecTimeout(framework.SpecPatience))

	It("says that no node is at fault when the image is missing everywhere", func(ctx SpecContext) {
		Eventually(ctx, lost.remedy(ctx)).WithTimeout(2 * framework.Patience).Should(Equal("False AllNodesFailing"))
		lost.awaitCondition(ctx, v1beta1.ConditionProgressing, metav1.ConditionFalse, v1beta1.ReasonAllNodesFailing)
		lost.awaitCondition(ctx, v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonAllNodesFailing)
		figure("AllNodesFailing", "after %.0f s, twice stuckSeconds being %d s; %s",
			lost.transition(ctx, v1beta1.ConditionStalled).Sub(lost.since).Seconds(), 2*stuckSeconds, lost.remedyMessage(ctx))
		Expect(made(lost.history.Changes())-1).To(BeNumerically("<=", 1), "Pods deleted")
	}, SpecTimeout(framework.SpecPatience))

	It("lets Pods back on the node when it is mended and the exclusion is over", func(ctx SpecContext) {
		Expect(cluster.FixRegistry(ctx, bad)).To(Succeed())
		Eventually(ctx, moved.remedy(ctx)).Should(BeEmpty())
		moved.replacePod(ctx, 0)
		moved.awaitDone(ctx)
		Expect(moved.pod(ctx, 0).Spec.NodeName).To(Equal(bad))
		Expect(moved.patch(ctx)).NotTo(BeNil(), "the record of the exclusion, which outlasts it")
		lost.expectFixed(ctx, "right tag", withImage(framework.AppImage))
	}, SpecTimeout(framework.SpecPatience))
})

var _ = Describe("Auto remediation while no webhook answers", Serial, Label("remediation"), func() {
	It("deletes nothing, since no new Pod would be kept from the node", func(ctx SpecContext) {
		bad, good := twoNodes(ctx)
		namespace := newNamespace(ctx, nil) // one for probes, so that the stuck Pod is the application's alone
		set := createSet(ctx, framework.SidecarSet(namespace, namespace, "app"))
		s := startRecorded(ctx, newNamespace(ctx, nil), 2, withRemediation, withSpread)
		s.awaitWaitingOn(ctx, bad)
		awaitInjection(ctx, namespace, set.Name)
		killWebhooks(ctx, namespace, set.Name)
		Eventually(ctx, s.remedy(ctx)).Should(Equal("False CannotExclude"))
		figure("Remediating", "%s", s.remedyMessage(ctx))
		Expect(made(s.history.Changes())).To(Equal(2), "Pods that ever were")

		bringBack(ctx, namespace, set.Name)
		s.expectMoved(ctx, good)
	}, SpecTimeout(framework.SpecPatience))
})

// expectMoved waits until all Pods serve on the good node, and holds that it took one deletion, of a Pod that had never
// started.
func (r *recorded) expectMoved(ctx context.Context, good string) {
	GinkgoHelper()
	replicas := int(*r.get(ctx).Spec.Replicas)
	Eventually(ctx, func() error {
		_, err := cluster.ReadyPods(ctx, r.key.Namespace, r.labels, replicas)
		return err
	}).Should(Succeed())
	for _, pod := range r.pods(ctx) {
		Expect(pod.Spec.NodeName).To(Equal(good), pod.Name)
	}
	figure("moved", "all Pods serve after %.0f s", time.Since(r.since).Seconds())
	changes := r.history.Changes()
	Expect(made(changes)-replicas).To(Equal(1), "Pods deleted")
	expectNoneStarted(changes)
}
