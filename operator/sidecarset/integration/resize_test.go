// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// atOnce is how long a Pod waits at most that could be changed at once: it must not wait for those that cannot.
const atOnce = 10 * time.Second

var _ = Describe("Pods that cannot be resized", func() {
	It("take no share of maxUnavailable, and are named", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) {
			b.MaxUnavailable("1").Obj().Spec.Containers[0].Resources = build.Resources("100m", "64Mi")
		})
		f.recorded(ctx)
		f.pod(ctx, "healthy", true)
		guaranteed := f.newPod("guaranteed", true)
		guaranteed.Spec.Containers[1].Resources = build.Resources("100m", "64Mi")
		Expect(k8s.Create(ctx, guaranteed)).To(Succeed())
		Expect(guaranteed.Status.QOSClass).To(Equal(corev1.PodQOSGuaranteed))
		f.kubelet(ctx, "guaranteed")
		f.pod(ctx, "kubelet-resizes-nothing", true) // it reports no resources
		f.kubeletResizes(ctx, "healthy")
		f.kubeletResizes(ctx, "guaranteed")

		f.change(ctx, func(s *v1beta1.SidecarSetSpec) {
			s.Containers[0].Resources.Requests[corev1.ResourceCPU] = build.Quantity("50m")
		})
		Eventually(f.requests(ctx, "healthy")).WithTimeout(atOnce).Should(Equal("50m"))
		f.kubelet(ctx, "healthy")
		f.kubeletResizes(ctx, "healthy")
		Eventually(f.status(ctx)).WithTimeout(patience).Should(And(
			MatchFields(IgnoreExtras, Fields{
				"UpdatedReadyPods": Equal(int32(1)), "Conditions": And(
					ContainElement(condition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)),
					ContainElement(condition(v1beta1.ConditionUpdateLimited, metav1.ConditionTrue, v1beta1.ReasonUpdateImmutableField)))}),
			WithTransform(func(s v1beta1.SidecarSetStatus) string { return message(s, v1beta1.ConditionUpdateLimited) }, And(
				ContainSubstring("the Pod's QoS class would change from Guaranteed to Burstable"),
				ContainSubstring("the kubelet of node node-1 resizes no containers"),
				ContainSubstring(f.namespace+"/guaranteed"), ContainSubstring(f.namespace+"/kubelet-resizes-nothing")))))
		for _, name := range []string{"guaranteed", "kubelet-resizes-nothing"} {
			Expect(f.requests(ctx, name)()).To(Equal("100m"), name)
		}
	})
})

var _ = Describe("A sidecar that has limits alone", func() {
	It("requests as much in a Guaranteed Pod, also when its kubelet holds the resize before back", func(ctx SpecContext) {
		limit := func(cpu string) func(*v1beta1.SidecarSetSpec) {
			return func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].Resources = corev1.ResourceRequirements{Limits: build.Resources(cpu, "64Mi").Limits}
			}
		}
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) { b.Spec(limit("100m")) })
		f.recorded(ctx)
		pod := f.newPod("web", true)
		pod.Spec.Containers[1].Resources = build.Resources("100m", "64Mi")
		Expect(k8s.Create(ctx, pod)).To(Succeed())
		Expect(pod.Status.QOSClass).To(Equal(corev1.PodQOSGuaranteed))
		f.kubelet(ctx, "web")
		f.kubeletResizes(ctx, "web")

		f.change(ctx, limit("200m"))
		Eventually(f.requests(ctx, "web")).WithTimeout(patience).Should(Equal("200m"))
		pod = f.get(ctx, "web")
		pod.Status.ObservedGeneration = pod.Generation // the answer is about what was written
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: corev1.PodReasonInfeasible,
		})
		Expect(k8s.Status().Update(ctx, pod)).To(Succeed())

		f.change(ctx, limit("50m"))
		Eventually(f.requests(ctx, "web")).WithTimeout(patience).Should(Equal("50m"))
	})
})

var _ = Describe("A Pod whose node can never give it new resources", func() {
	It("gets everything else, keeps nobody waiting, and is resized once its node has got more", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) {
			b.MaxUnavailable("1").Obj().Spec.Containers[0].Resources = cpu("10m")
		})
		f.recorded(ctx)
		small := "small-" + f.namespace
		apiserver.AddNode(ctx, k8s, small, func(node *corev1.Node) { node.Status.Allocatable[corev1.ResourceCPU] = build.Quantity("2") })
		f.pod(ctx, "healthy", true)
		limited := f.newPod("limited", true)
		limited.Spec.NodeName = small
		Expect(k8s.Create(ctx, limited)).To(Succeed())
		f.kubelet(ctx, "limited")
		f.kubeletResizes(ctx, "healthy")
		f.kubeletResizes(ctx, "limited")

		f.change(ctx, func(s *v1beta1.SidecarSetSpec) {
			s.Containers[0].Image, s.Containers[0].Resources = "agent:2", cpu("3")
		})
		isLimited := And(
			MatchFields(IgnoreExtras, Fields{
				"UpdatedPods": Equal(int32(2)), "UpdatedReadyPods": Equal(int32(2)), "Summary": HavePrefix("Limited 1"), "Conditions": And(
					ContainElement(condition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)),
					ContainElement(condition(v1beta1.ConditionUpdateLimited, metav1.ConditionTrue, v1beta1.ReasonResizeInfeasible)))}),
			WithTransform(func(s v1beta1.SidecarSetStatus) string { return message(s, v1beta1.ConditionUpdateLimited) },
				ContainSubstring("%s/limited on node %s (node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000)",
					f.namespace, small)))
		Eventually(f.settling(ctx, "healthy", "limited")).WithTimeout(patience).Should(isLimited)
		Expect(f.requests(ctx, "healthy")()).To(Equal("3"))
		Expect(f.requests(ctx, "limited")()).To(Equal("10m"))
		Expect(f.updated(ctx, "agent:2")()).To(Equal(2), "the image comes without the resources")
		Expect(apiserver.Events(ctx, k8s, f.set, "FailedUpdatePodInPlace")).To(BeEmpty(), "it is no failure")

		f.image(ctx, "agent:3")
		Eventually(f.settling(ctx, "healthy", "limited")).WithTimeout(patience).Should(isLimited)
		Expect(f.updated(ctx, "agent:3")()).To(Equal(2))

		node := &corev1.Node{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: small}, node)).To(Succeed())
		node.Status.Allocatable[corev1.ResourceCPU] = build.Quantity("4")
		Expect(k8s.Status().Update(ctx, node)).To(Succeed())
		Eventually(f.requests(ctx, "limited")).WithTimeout(time.Minute).Should(Equal("3"))
		Eventually(f.settling(ctx, "healthy", "limited")).WithTimeout(patience).Should(And(
			HaveField("Summary", HavePrefix("Complete")),
			HaveField("Conditions", Not(ContainElement(HaveField("Type", v1beta1.ConditionUpdateLimited))))))
	}, SpecTimeout(3*time.Minute))
})

// keepUp has the kubelets do what the specs of Pods ask for.
func (f *fixture) keepUp(ctx context.Context, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		Eventually(func() error {
			pod := f.get(ctx, name)
			build.RunContainers(pod)
			build.SetReady(pod, true, time.Now())
			apiserver.Resized(pod)
			return k8s.Status().Update(ctx, pod)
		}).WithTimeout(patience).Should(Succeed())
	}
}

// settling is the set's status, with kubelets that keep up.
func (f *fixture) settling(ctx context.Context, names ...string) func(Gomega) v1beta1.SidecarSetStatus {
	return func(g Gomega) v1beta1.SidecarSetStatus {
		f.keepUp(ctx, names...)
		return f.status(ctx)(g)
	}
}

// requests is how much cpu a Pod's sidecar requests.
func (f *fixture) requests(ctx context.Context, name string) func() string {
	return func() string { return f.get(ctx, name).Spec.Containers[0].Resources.Requests.Cpu().String() }
}
