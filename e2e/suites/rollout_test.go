// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("A rollout in place", func() {
	var (
		namespace  string
		set        *v1beta1.SidecarSet
		deployment *appsv1.Deployment
		before     []corev1.Pod
	)

	// start runs so many Pods with the first version of the sidecar.
	start := func(ctx context.Context, count int32) {
		GinkgoHelper()
		namespace = newNamespace(ctx, nil)
		set = framework.SidecarSet(namespace, namespace, "app")
		// Slow enough to start that every restart is seen as a Pod that is not ready.
		set.Spec.Containers[0].Env = append(set.Spec.Containers[0].Env, corev1.EnvVar{Name: "APP_READY_AFTER", Value: "1s"})
		createSet(ctx, set)
		awaitInjection(ctx, namespace, set.Name)
		deployment = framework.Deployment(namespace, "app", count)
		before = runWorkload(ctx, deployment)
		Expect(images(before, framework.SidecarContainer)).To(HaveEach(framework.SidecarImage))
		awaitCounters(ctx, set.Name, counters{Matched: count, Updated: count, Ready: count, UpdatedReady: count})
	}

	It("changes the image inside the running Pods, one at a time, and restarts nothing else", func(ctx SpecContext) {
		start(ctx, 4)
		recorder, err := cluster.RecordUnready(ctx, namespace, deployment.Spec.Selector.MatchLabels)
		Expect(err).NotTo(HaveOccurred())
		began := time.Now()

		changeSet(ctx, set.Name, setImage(framework.SidecarImageV2))
		awaitCondition(ctx, set.Name, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)

		took := time.Since(began)
		most, history, err := recorder.Stop()
		Expect(err).NotTo(HaveOccurred())
		Expect(most).To(Equal(1), "Pods unready at once, with maxUnavailable 1:\n%s", strings.Join(history, "\n"))
		figure("4 Pods updated in place", "%.1f s, at most %d unready at once", took.Seconds(), most)
		after := awaitPods(ctx, deployment)
		expectInPlace(before, after, framework.SidecarImageV2)
		awaitCounters(ctx, set.Name, counters{Matched: 4, Updated: 4, Ready: 4, UpdatedReady: 4})
		expectWireAfterUpdate(ctx, after, set.Name)
	}, SpecTimeout(framework.SpecPatience))

	It("rests while it is paused, is Ready meanwhile, and goes on when it is resumed", func(ctx SpecContext) {
		start(ctx, 2)

		By("pausing together with a new image")
		changeSet(ctx, set.Name, func(s *v1beta1.SidecarSet) {
			s.Spec.UpdateStrategy.Paused = true
			s.Spec.Containers[0].Image = framework.SidecarImageV2
		})
		awaitCondition(ctx, set.Name, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonPaused)
		awaitCounters(ctx, set.Name, counters{Matched: 2, Updated: 0, Ready: 2, UpdatedReady: 0})
		expectUntouched(before, awaitPods(ctx, deployment))

		By("injecting the new image into new Pods all the same")
		Eventually(ctx, func(g Gomega) {
			pod := framework.UnscheduledPod(namespace, "new", "app")
			g.Expect(cluster.Client.Create(ctx, pod, client.DryRunAll)).To(Succeed())
			g.Expect(images([]corev1.Pod{*pod}, framework.SidecarContainer)).To(Equal([]string{framework.SidecarImageV2}))
		}).Should(Succeed())

		By("resuming")
		changeSet(ctx, set.Name, func(s *v1beta1.SidecarSet) { s.Spec.UpdateStrategy.Paused = false })
		awaitCondition(ctx, set.Name, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		expectInPlace(before, awaitPods(ctx, deployment), framework.SidecarImageV2)
		awaitCounters(ctx, set.Name, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
	}, SpecTimeout(framework.SpecPatience))

	It("goes on to the newest image when it changes midway", func(ctx SpecContext) {
		start(ctx, 2)
		changeSet(ctx, set.Name, setImage(framework.SidecarImageV2))
		changeSet(ctx, set.Name, setImage(framework.SidecarImageV3))
		awaitCondition(ctx, set.Name, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)

		after := awaitPods(ctx, deployment)
		Expect(framework.Identities(after)).To(Equal(framework.Identities(before)))
		Expect(images(after, framework.SidecarContainer)).To(HaveEach(framework.SidecarImageV3))
		for i := range after {
			Expect(framework.ContainerStatus(&after[i], framework.AppContainer).RestartCount).To(BeZero())
		}
	}, SpecTimeout(framework.SpecPatience))

	It("says so when a change cannot be made in place, and leaves the Pods alone", func(ctx SpecContext) {
		start(ctx, 2)

		changeSet(ctx, set.Name, func(s *v1beta1.SidecarSet) {
			s.Spec.Containers[0].Env = append(s.Spec.Containers[0].Env, corev1.EnvVar{Name: "NEW", Value: "1"})
		})

		awaitCondition(ctx, set.Name, v1beta1.ConditionUpdateLimited, metav1.ConditionTrue, "")
		message := conditionMessage(ctx, set.Name, v1beta1.ConditionUpdateLimited)
		figure("UpdateLimited", "%s", message)
		for i := range before {
			Expect(message).To(ContainSubstring(namespace + "/" + before[i].Name))
		}
		awaitCounters(ctx, set.Name, counters{Matched: 2, Updated: 0, Ready: 2, UpdatedReady: 0})
		expectUntouched(before, awaitPods(ctx, deployment))

		By("taking the condition away when the change is taken back")
		changeSet(ctx, set.Name, func(s *v1beta1.SidecarSet) {
			s.Spec.Containers[0].Env = s.Spec.Containers[0].Env[:len(s.Spec.Containers[0].Env)-1]
		})
		Eventually(ctx, func() string { return conditionMessage(ctx, set.Name, v1beta1.ConditionUpdateLimited) }).Should(BeEmpty())
		awaitCondition(ctx, set.Name, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		expectUntouched(before, awaitPods(ctx, deployment))
	}, SpecTimeout(framework.SpecPatience))
})

// expectInPlace holds that the Pods are the same ones as before, that the application never stopped, and that the
// sidecar was restarted exactly once, with the image.
func expectInPlace(before, after []corev1.Pod, image string) {
	GinkgoHelper()
	Expect(framework.Identities(after)).To(Equal(framework.Identities(before)), "UIDs, IPs and nodes of the Pods")
	for i := range after {
		was, is := framework.ContainerStatus(&before[i], framework.SidecarContainer), framework.ContainerStatus(&after[i], framework.SidecarContainer)
		Expect(framework.Container(&after[i], framework.SidecarContainer).Image).To(Equal(image))
		Expect(is.RestartCount).To(Equal(int32(1)), "restarts of the sidecar of Pod %s", after[i].Name)
		Expect(is.ImageID).NotTo(Equal(was.ImageID), "image ID of the sidecar of Pod %s", after[i].Name)
		app := framework.ContainerStatus(&after[i], framework.AppContainer)
		Expect(app.RestartCount).To(BeZero(), "restarts of the application of Pod %s", after[i].Name)
		Expect(app.ContainerID).To(Equal(framework.ContainerStatus(&before[i], framework.AppContainer).ContainerID))
	}
}

// expectUntouched holds that nothing of the Pods has changed that an update would change.
func expectUntouched(before, after []corev1.Pod) {
	GinkgoHelper()
	Expect(framework.Identities(after)).To(Equal(framework.Identities(before)))
	Expect(framework.Restarts(after)).To(Equal(framework.Restarts(before)))
	for i := range after {
		Expect(after[i].Generation).To(Equal(before[i].Generation), "generation of Pod %s", after[i].Name)
		Expect(after[i].Annotations).To(Equal(before[i].Annotations), "annotations of Pod %s", after[i].Name)
	}
}

// expectWireAfterUpdate holds the Pods' hashes against the SidecarSet's, and that each tells what its update replaced.
func expectWireAfterUpdate(ctx context.Context, pods []corev1.Pod, name string) {
	GinkgoHelper()
	set, err := cluster.GetSidecarSet(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	for i := range pods {
		expectWire(&pods[i], set)
		Expect(pods[i].Annotations).To(HaveKeyWithValue(v1beta1.SidecarSetInPlaceUpdateStateAnnotation, ContainSubstring(framework.SidecarContainer)))
	}
}
