// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// missingAppImage is a tag that no registry has.
const missingAppImage = "ghcr.io/windlass-operator/testapp:missing"

var _ = Describe("An Advanced StatefulSet with OrderedReady and a broken template", func() {
	It("converges after the fix, without anybody deleting a Pod", func(ctx SpecContext) {
		s, before := startStateful(ctx, 3)
		_, stop := s.record(ctx)

		By("an image that does not exist")
		s.change(ctx, withImage(missingAppImage))
		s.awaitWaiting(ctx, 2, "ErrImagePull", "ImagePullBackOff")
		Eventually(ctx, func() string { return s.messages(ctx) }).Should(ContainSubstring(s.podName(2)), "a condition names the Pod")
		figure("conditions", "%s", s.messages(ctx))
		expectUntouched(before[:2], s.pods(ctx)[:2])
		s.expectFixed(ctx, "missing image", withImage(framework.AppImageV2))

		By("a program that ends at once")
		good := s.pods(ctx)
		s.change(ctx, withArgs("exit", "1"))
		s.awaitWaiting(ctx, 2, "CrashLoopBackOff")
		expectUntouched(good[:2], s.pods(ctx)[:2])
		s.expectFixed(ctx, "CrashLoopBackOff", withArgs(), withImage(framework.AppImageV3))

		By("going back")
		s.change(ctx, withImage(missingAppImage))
		s.awaitWaiting(ctx, 2, "ErrImagePull", "ImagePullBackOff")
		s.expectFixed(ctx, "missing image, and back", withImage(framework.AppImageV3))
		Expect(framework.MostDown(stop(), s.podNames(3)...)).To(Equal(1), "Pods down at the same time")
	}, SpecTimeout(framework.SpecPatience))

	It("converges after the fix when it was broken from the start", func(ctx SpecContext) {
		s := createStateful(ctx, 3, withImage(missingAppImage))
		s.awaitWaiting(ctx, 0, "ErrImagePull", "ImagePullBackOff")
		Expect(namesOfPods(s.pods(ctx))).To(Equal([]string{"app-0"}))
		s.expectFixed(ctx, "missing image at creation", withImage(framework.AppImage))
	}, SpecTimeout(framework.SpecPatience))

	It("converges with changes in place as well", func(ctx SpecContext) {
		if options.Registry == "" {
			Skip("-registry is not set: an image whose program ends at once cannot be pushed")
		}
		s, before := startStateful(ctx, 2, inPlaceIfPossible)
		image := "ghcr.io/windlass-operator/testapp:" + s.key.Namespace
		Expect(cluster.PushVariant(ctx, framework.AppImageV2, image, framework.Variant{Args: []string{"exit", "1"}})).To(Succeed())
		s.change(ctx, withImage(image))
		s.awaitWaiting(ctx, 1, "CrashLoopBackOff")
		s.expectFixed(ctx, "an image whose program ends at once, in place", withImage(framework.AppImageV2))
		Expect(framework.Identities(s.pods(ctx))).To(Equal(framework.Identities(before)))
	}, SpecTimeout(framework.SpecPatience))
})

// awaitWaiting waits until the application of a Pod waits for one of the reasons.
func (s *stateful) awaitWaiting(ctx context.Context, ordinal int, reasons ...any) {
	GinkgoHelper()
	Eventually(ctx, func() (string, error) {
		pod, err := s.seePod(ctx, ordinal)()
		if pod == nil || err != nil {
			return "", err
		}
		if waiting := framework.ContainerStatus(pod, framework.AppContainer).State.Waiting; waiting != nil {
			return waiting.Reason, nil
		}
		return "", nil
	}).Should(BeElementOf(reasons...), "what Pod %s waits for", s.podName(ordinal))
}

// expectFixed makes a change that mends the set, and holds that its Pods are all well then.
func (s *stateful) expectFixed(ctx context.Context, what string, edits ...func(*v1beta1.StatefulSet)) {
	GinkgoHelper()
	s.change(ctx, edits...)
	began := time.Now()
	pods := s.awaitDone(ctx)
	figure(what, "all %d Pods are ready %.1f s after the fix", len(pods), time.Since(began).Seconds())
	Expect(images(pods, framework.AppContainer)).To(HaveEach(s.get(ctx).Spec.Template.Spec.Containers[0].Image))
}

// withArgs gives the application arguments.
func withArgs(args ...string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Args = args }
}

// conditionOf is a condition of a Pod, for Eventually.
func conditionOf(kind corev1.PodConditionType) func(*corev1.Pod) corev1.ConditionStatus {
	return func(pod *corev1.Pod) corev1.ConditionStatus { return podCondition(pod, kind).Status }
}
