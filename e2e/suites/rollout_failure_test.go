// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// deadlineSeconds is the progress deadline of a rollout that is to get stuck. Nobody waits for the default, which is
	// longer than a test is patient.
	deadlineSeconds = 20
	// deletions of Pods hit a rollout, one every deletionInterval.
	deletions        = 50
	deletionInterval = 300 * time.Millisecond
)

var _ = Describe("A rollout that fails", func() {
	It("touches no more Pods than maxUnavailable, says why it is stuck, and goes on by itself with a good image", func(ctx SpecContext) {
		r := startRollout(ctx, 5, unasked, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(2))
			set.Spec.ProgressDeadlineSeconds = ptr.To[int32](deadlineSeconds)
		})
		began := time.Now()
		r.change(ctx, setImage(missingImage))

		By("naming a Pod and what its kubelet says while it still tries")
		for _, condition := range []string{v1beta1.ConditionReady, v1beta1.ConditionReconciling} {
			Eventually(ctx, func() string { return conditionMessage(ctx, r.set, condition) }).Should(
				And(ContainSubstring(r.namespace+"/app-"), MatchRegexp("ErrImagePull|ImagePullBackOff")), condition)
		}
		figure("Reconciling", "%s", conditionMessage(ctx, r.set, v1beta1.ConditionReconciling))

		By("reporting that it is stuck when the deadline has passed")
		awaitCondition(ctx, r.set, v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonProgressDeadlineExceeded)
		took := time.Since(began)
		figure("Stalled", "after %.1f s: %s", took.Seconds(), conditionMessage(ctx, r.set, v1beta1.ConditionStalled))
		Expect(took).To(BeNumerically(">=", deadlineSeconds*time.Second), "from the change to the deadline")
		awaitCondition(ctx, r.set, v1beta1.ConditionProgressing, metav1.ConditionFalse, v1beta1.ReasonProgressDeadlineExceeded)
		awaitCondition(ctx, r.set, v1beta1.ConditionReady, metav1.ConditionFalse, v1beta1.ReasonProgressDeadlineExceeded)

		stuck := r.pods(ctx)
		Expect(holding(stuck, missingImage)).To(HaveLen(2), "Pods with the bad image")
		good := holding(stuck, framework.SidecarImage)
		expectUntouched(sameAs(r.before, good), good)

		r.change(ctx, setImage(framework.SidecarImageV2))
		after := r.awaitReady(ctx, v1beta1.ReasonComplete)
		expectInPlace(r.before, after, framework.SidecarImageV2)
		Expect(conditionMessage(ctx, r.set, v1beta1.ConditionStalled)).To(BeEmpty())
	}, SpecTimeout(framework.SpecPatience))

	It("rests at the first failed Pod with autoPauseOnFailure, and a new version goes on", func(ctx SpecContext) {
		r := startRollout(ctx, 3, unasked, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.AutoPauseOnFailure = true })

		r.change(ctx, setImage(missingImage))

		awaitCondition(ctx, r.set, v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonAutoPaused)
		awaitCondition(ctx, r.set, v1beta1.ConditionReady, metav1.ConditionFalse, v1beta1.ReasonAutoPaused)
		figure("Stalled", "%s", conditionMessage(ctx, r.set, v1beta1.ConditionStalled))
		set, err := cluster.GetSidecarSet(ctx, r.set)
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Status.AutoPausedRevision).To(And(Not(BeEmpty()), Equal(set.Status.LatestRevision)))
		Expect(set.Spec.UpdateStrategy.Paused).To(BeFalse(), "the user's own switch stays as it is")
		Expect(holding(r.pods(ctx), missingImage)).To(HaveLen(1), "Pods with the bad image")

		r.change(ctx, setImage(framework.SidecarImageV2))
		expectInPlace(r.before, r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarImageV2)
		set, err = cluster.GetSidecarSet(ctx, r.set)
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Status.AutoPausedRevision).To(BeEmpty())
	}, SpecTimeout(framework.SpecPatience))

	It("comes to its end although Pods are deleted fifty times meanwhile", func(ctx SpecContext) {
		r := startRollout(ctx, 6, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(2)) })
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), deletions))

		r.change(ctx, setImage(framework.SidecarImageV2))
		for n := range deletions {
			if n == deletions/2 {
				r.change(ctx, setImage(framework.SidecarImageV3))
			}
			r.deleteOne(ctx, random)
			pass(ctx, deletionInterval)
		}

		began := time.Now()
		Eventually(ctx, func() error {
			_, err := cluster.ReadyPods(ctx, r.namespace, r.deployment.Spec.Selector.MatchLabels, 6)
			return err
		}).Should(Succeed())
		after := r.awaitReady(ctx, v1beta1.ReasonComplete)
		figure("after the last deletion", "all is well in %.1f s", time.Since(began).Seconds())
		Expect(holding(after, framework.SidecarImageV3)).To(HaveLen(6))
		awaitCounters(ctx, r.set, counters{Matched: 6, Updated: 6, Ready: 6, UpdatedReady: 6})
	}, SpecTimeout(framework.SpecPatience))
})

// deleteOne deletes one of the Pods, whichever.
func (r *rollout) deleteOne(ctx context.Context, random *rand.Rand) {
	GinkgoHelper()
	var pods []corev1.Pod
	Eventually(ctx, func() []corev1.Pod {
		pods = r.pods(ctx)
		return pods
	}).ShouldNot(BeEmpty())
	Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, &pods[random.IntN(len(pods))]))).To(Succeed())
}
