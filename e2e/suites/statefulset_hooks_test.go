// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// hookFinalizer is what holds a Pod in these specs, and hookLabel the other way.
const (
	hookFinalizer = "example.com/hold"
	hookLabel     = "example.com/hold"
)

var _ = Describe("The lifecycle hooks of an Advanced StatefulSet", func() {
	It("hold the deletion of a Pod until its finalizer is gone, and let go when the set is scaled up again", func(ctx SpecContext) {
		s := createHooked(ctx, 2, &v1beta1.Lifecycle{PreDelete: byFinalizer(true)})
		before := s.awaitDone(ctx)

		By("scaling down")
		s.change(ctx, withReplicas(1))
		Eventually(ctx, s.seePod(ctx, 1)).Should(And(
			beIn(v1beta1.LifecycleStatePreparingDelete), HaveField("DeletionTimestamp", BeNil()),
			WithTransform(conditionOf(v1beta1.KruisePodReadyCondition), Equal(corev1.ConditionFalse)),
			WithTransform(conditionOf(corev1.PodReady), Equal(corev1.ConditionFalse))), "the Pod waits, out of service")
		s.awaitCondition(ctx, v1beta1.ConditionScaling, metav1.ConditionTrue, "")

		By("scaling up again")
		s.change(ctx, withReplicas(2))
		Eventually(ctx, s.seePod(ctx, 1)).Should(And(beIn(v1beta1.LifecycleStateNormal),
			WithTransform(conditionOf(corev1.PodReady), Equal(corev1.ConditionTrue))))
		expectSameProcesses(before, s.awaitDone(ctx))

		By("scaling down, and letting go")
		s.change(ctx, withReplicas(1))
		Eventually(ctx, s.seePod(ctx, 1)).Should(beIn(v1beta1.LifecycleStatePreparingDelete))
		s.unhook(ctx, 1)
		Eventually(ctx, s.seePod(ctx, 1)).Should(BeNil())
		expectSameProcesses(before[:1], s.awaitDone(ctx))
	}, SpecTimeout(framework.SpecPatience))

	It("hold a change in place until the Pod is let go, and its return until it is taken hold of again", func(ctx SpecContext) {
		s := createHooked(ctx, 2, &v1beta1.Lifecycle{InPlaceUpdate: byFinalizer(true)}, inPlaceIfPossible)
		before := s.awaitDone(ctx)
		s.change(ctx, withImage(framework.AppImageV2))

		for _, ordinal := range []int{1, 0} {
			Eventually(ctx, s.seePod(ctx, ordinal)).Should(And(beIn(v1beta1.LifecycleStatePreparingUpdate),
				WithTransform(conditionOf(corev1.PodReady), Equal(corev1.ConditionFalse))))
			Expect(s.pod(ctx, ordinal).Spec.Containers[0].Image).To(Equal(framework.AppImage), "image while the Pod is held")
			Eventually(ctx, func() string { return s.messages(ctx) }).Should(ContainSubstring(s.podName(ordinal)), "a condition names the Pod")

			s.unhook(ctx, ordinal)
			Eventually(ctx, s.seePod(ctx, ordinal)).Should(And(beIn(v1beta1.LifecycleStateUpdated),
				HaveField("Spec.Containers", ContainElement(HaveField("Image", framework.AppImageV2)))))
			s.hook(ctx, ordinal)
			Eventually(ctx, s.seePod(ctx, ordinal)).Should(beIn(v1beta1.LifecycleStateNormal))
		}
		after := s.awaitDone(ctx)
		Expect(framework.Identities(after)).To(Equal(framework.Identities(before)))
		expectRestarted(before, after, framework.AppContainer)

		By("going back while a Pod is held")
		s.change(ctx, withImage(framework.AppImageV3))
		Eventually(ctx, s.seePod(ctx, 1)).Should(beIn(v1beta1.LifecycleStatePreparingUpdate))
		s.change(ctx, withImage(framework.AppImageV2))
		expectSameProcesses(after, s.awaitDone(ctx))
	}, SpecTimeout(framework.SpecPatience))

	It("hold nobody for longer than their timeout: the Pod serves on, others go, and it goes at once when it is let go", func(ctx SpecContext) {
		hook := byFinalizer(true)
		hook.TimeoutSeconds = ptr.To[int32](10)
		s := createHooked(ctx, 2, &v1beta1.Lifecycle{InPlaceUpdate: hook}, inPlaceIfPossible)
		before := s.awaitDone(ctx)
		s.change(ctx, withImage(framework.AppImageV2))

		ready := func(status corev1.ConditionStatus) gomegatypes.GomegaMatcher {
			return WithTransform(conditionOf(corev1.PodReady), Equal(status))
		}
		Eventually(ctx, s.seePod(ctx, 1)).Should(And(beIn(v1beta1.LifecycleStatePreparingUpdate), ready(corev1.ConditionFalse)))
		Eventually(ctx, s.seePod(ctx, 1)).Should(ready(corev1.ConditionTrue), "the Pod that nobody lets go of serves on")
		Eventually(ctx, s.seePod(ctx, 0)).Should(beIn(v1beta1.LifecycleStatePreparingUpdate), "the next Pod is asked")
		expectSameProcesses(before, s.pods(ctx))
		Expect(s.events(ctx)).To(ContainElement(And(HavePrefix("HookTimeout: "), ContainSubstring(s.podName(1)), ContainSubstring(hookFinalizer))))

		By("letting go of the first after all, and taking hold of it again")
		s.unhook(ctx, 1)
		Eventually(ctx, s.seePod(ctx, 1)).Should(beIn(v1beta1.LifecycleStateUpdated))
		s.hook(ctx, 1)
		Eventually(ctx, s.seePod(ctx, 1)).Should(beIn(v1beta1.LifecycleStateNormal))

		By("letting go of the other, and not taking hold of it again")
		s.unhook(ctx, 0)
		after := s.awaitDone(ctx)
		Expect(framework.Identities(after)).To(Equal(framework.Identities(before)))
		expectRestarted(before, after, framework.AppContainer)
		Expect(s.events(ctx)).To(ContainElement(And(
			HavePrefix("HookTimeout: "), ContainSubstring(s.podName(0)), ContainSubstring("did not take hold"))))
	}, SpecTimeout(framework.SpecPatience))

	It("hold a recreation by a label, and a second revision goes on from there", func(ctx SpecContext) {
		label := &v1beta1.LifecycleHook{LabelsHandler: map[string]string{hookLabel: "true"}}
		s := createStateful(ctx, 2, func(set *v1beta1.StatefulSet) {
			set.Spec.Lifecycle = &v1beta1.Lifecycle{PreDelete: label}
			set.Spec.Template.Labels = map[string]string{framework.AppLabel: "app", hookLabel: "true"}
		})
		before := s.awaitDone(ctx)
		s.change(ctx, withImage(framework.AppImageV2))
		Eventually(ctx, s.seePod(ctx, 1)).Should(beIn(v1beta1.LifecycleStatePreparingDelete))
		s.change(ctx, withImage(framework.AppImageV3))

		for _, ordinal := range []int{1, 0} {
			Eventually(ctx, s.seePod(ctx, ordinal)).Should(And(HaveField("UID", before[ordinal].UID), beIn(v1beta1.LifecycleStatePreparingDelete)))
			s.patchPod(ctx, ordinal, `{"metadata":{"labels":{"`+hookLabel+`":null}}}`)
			s.awaitReplaced(ctx, &before[ordinal])
		}
		Expect(images(s.awaitDone(ctx), framework.AppContainer)).To(HaveEach(framework.AppImageV3))
	}, SpecTimeout(framework.SpecPatience))

	It("keep a new Pod from counting as available until it is taken hold of", func(ctx SpecContext) {
		s := createStateful(ctx, 2, func(set *v1beta1.StatefulSet) { set.Spec.Lifecycle = &v1beta1.Lifecycle{PreNormal: byFinalizer(false)} })
		letGoAtEnd(s)
		Eventually(ctx, s.seePod(ctx, 0)).Should(And(beIn(v1beta1.LifecycleStatePreparingNormal),
			WithTransform(conditionOf(corev1.PodReady), Equal(corev1.ConditionTrue))))
		Eventually(ctx, func() v1beta1.StatefulSetStatus { return s.get(ctx).Status }).Should(And(
			HaveField("ReadyReplicas", int32(1)), HaveField("AvailableReplicas", int32(0))))
		Expect(s.all(ctx)).To(HaveLen(1), "with OrderedReady the second Pod waits for the first")

		s.hook(ctx, 0)
		Eventually(ctx, s.seePod(ctx, 1)).Should(beIn(v1beta1.LifecycleStatePreparingNormal))
		s.hook(ctx, 1)
		s.awaitDone(ctx)
	}, SpecTimeout(framework.SpecPatience))
})

func byFinalizer(markNotReady bool) *v1beta1.LifecycleHook {
	return &v1beta1.LifecycleHook{FinalizersHandler: []string{hookFinalizer}, MarkPodNotReady: markNotReady}
}

// createHooked creates a set with hooks, whose Pods are held from the start by the template's finalizer.
func createHooked(ctx context.Context, replicas int32, lifecycle *v1beta1.Lifecycle, edits ...func(*v1beta1.StatefulSet)) *stateful {
	GinkgoHelper()
	s := createStateful(ctx, replicas, append(edits, func(set *v1beta1.StatefulSet) {
		set.Spec.Lifecycle = lifecycle
		set.Spec.Template.Finalizers = []string{hookFinalizer}
	})...)
	letGoAtEnd(s)
	return s
}

// letGoAtEnd deletes the set when the spec ends, and then takes the finalizers off its Pods, which would keep the
// namespace from going.
func letGoAtEnd(s *stateful) {
	DeferCleanup(func(ctx SpecContext) {
		set := s.get(ctx)
		Expect(cluster.Client.Delete(ctx, set)).To(Succeed())
		for _, pod := range s.all(ctx) {
			s.unhook(ctx, ordinalOf(pod.Name))
		}
	})
}

// unhook takes the finalizer off a Pod, and hook puts it on.
func (s *stateful) unhook(ctx context.Context, ordinal int) {
	GinkgoHelper()
	s.setFinalizers(ctx, ordinal, `[]`)
}

func (s *stateful) hook(ctx context.Context, ordinal int) {
	GinkgoHelper()
	s.setFinalizers(ctx, ordinal, `["`+hookFinalizer+`"]`)
}

func (s *stateful) setFinalizers(ctx context.Context, ordinal int, list string) {
	GinkgoHelper()
	target := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.key.Namespace, Name: s.podName(ordinal)}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":`+list+`}}`))
	Expect(client.IgnoreNotFound(cluster.Client.Patch(ctx, target, patch))).To(Succeed())
}

// beIn matches a Pod in a lifecycle state.
func beIn(state v1beta1.LifecycleStateType) gomegatypes.GomegaMatcher {
	return And(Not(BeNil()), HaveField("Labels", HaveKeyWithValue(v1beta1.LifecycleStateLabel, string(state))))
}
