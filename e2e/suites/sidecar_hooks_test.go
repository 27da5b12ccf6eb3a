// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// A Pod leaves service before its sidecar restarts, and comes back whatever others do, or do not.
var _ = Describe("A hook around the update of sidecars", func() {
	byLabel := func(seconds int32) func(*v1beta1.SidecarSet) {
		return func(set *v1beta1.SidecarSet) {
			set.Spec.Lifecycle = &v1beta1.SidecarSetLifecycle{InPlaceUpdate: &v1beta1.LifecycleHook{
				LabelsHandler: map[string]string{meshLabel: "true"}, MarkPodNotReady: true, TimeoutSeconds: ptr.To(seconds),
			}}
		}
	}

	It("that never lets go of a Pod brings it back to service, and lets others go on", func(ctx SpecContext) {
		r := startRollout(ctx, 2, byLabel(10))
		Expect(podCondition(&r.before[0], v1beta1.KruisePodReadyCondition).Status).To(Equal(corev1.ConditionTrue), "new Pods are let into service")
		r.change(ctx, setImage(framework.SidecarImageV2))
		held := r.awaitHeld(ctx)
		Expect(held.Labels).To(HaveKeyWithValue(meshLabel, "true"), "the webhook adds the label of the hook")

		By("letting the hook of the other Pod do its work")
		other := r.before[slices.IndexFunc(r.before, func(pod corev1.Pod) bool { return pod.Name != held.Name })]
		r.label(ctx, &other, meshLabel, "")
		r.awaitBack(ctx, held.Name, framework.SidecarImage)
		Eventually(ctx, func(g Gomega) {
			g.Expect(holding(r.pods(ctx), framework.SidecarImageV2)).To(ConsistOf(HaveField("Name", other.Name)))
		}).Should(Succeed())
		r.awaitBack(ctx, held.Name, framework.SidecarImage)
		Eventually(ctx, func(g Gomega) {
			set, err := cluster.GetSidecarSet(ctx, r.set)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(set.Status.Waiting).To(ContainElement(And(
				HaveField("Reason", v1beta1.WaitingHookTimeout), HaveField("First", r.namespace+"/"+held.Name))))
		}).Should(Succeed())
		Expect(r.warnings(ctx, held.Name)).To(ContainElement(And(ContainSubstring(meshLabel+"=true"), ContainSubstring(held.Name))))

		By("removing the label")
		r.label(ctx, held, meshLabel, "")
		Eventually(ctx, func(g Gomega) {
			g.Expect(holding(r.pods(ctx), framework.SidecarImageV2)).To(HaveLen(2))
		}).Should(Succeed())
		r.awaitBack(ctx, held.Name, framework.SidecarImageV2)
	}, SpecTimeout(framework.SpecPatience))

	It("of a set that is deleted leaves no Pod out of service", func(ctx SpecContext) {
		r := startRollout(ctx, 2, byLabel(600))
		r.change(ctx, setImage(framework.SidecarImageV2))
		held := r.awaitHeld(ctx)
		Expect(cluster.DeleteSidecarSet(ctx, r.set)).To(Succeed())
		r.awaitBack(ctx, held.Name, framework.SidecarImage)
	}, SpecTimeout(framework.SpecPatience))
})

// awaitHeld waits for a Pod to be out of service for its update.
func (r *rollout) awaitHeld(ctx context.Context) *corev1.Pod {
	GinkgoHelper()
	var held *corev1.Pod
	Eventually(ctx, func(g Gomega) {
		pods := r.pods(ctx)
		at := slices.IndexFunc(pods, func(pod corev1.Pod) bool {
			return podCondition(&pod, v1beta1.KruisePodReadyCondition).Status == corev1.ConditionFalse && !framework.IsReady(&pod)
		})
		g.Expect(at).To(BeNumerically(">=", 0), "no Pod is held")
		held = &pods[at]
	}).Should(Succeed())
	return held
}

// awaitBack waits for a Pod to be Ready with an image of its sidecar.
func (r *rollout) awaitBack(ctx context.Context, name, image string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		pod := &corev1.Pod{}
		g.Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: r.namespace, Name: name}, pod)).To(Succeed())
		g.Expect(framework.IsReady(pod)).To(BeTrue(), "Pod %s is Ready", name)
		g.Expect(framework.Container(pod, framework.SidecarContainer).Image).To(Equal(image))
		g.Expect(podCondition(pod, v1beta1.KruisePodReadyCondition)).To(And(
			HaveField("Status", corev1.ConditionTrue), HaveField("Message", "")))
	}).Should(Succeed())
}

// warnings are the notes of the events HookTimeout of a Pod.
func (r *rollout) warnings(ctx context.Context, pod string) (notes []string) {
	GinkgoHelper()
	list := &eventsv1.EventList{}
	Expect(cluster.Client.List(ctx, list, client.InNamespace(r.namespace))).To(Succeed())
	for i := range list.Items {
		if e := &list.Items[i]; e.Reason == "HookTimeout" && e.Regarding.Name == pod {
			notes = append(notes, e.Note)
		}
	}
	return notes
}
