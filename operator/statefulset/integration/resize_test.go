// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
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
		apiserver.AddNode(ctx, k8s, "node-1", nil) // the API server resizes no Pod of a node that it does not know
		f := prepare(ctx, func(b *build.StatefulSetBuilder) {
			b.Parallel().MaxUnavailable("1").Policy(v1beta1.InPlaceOnlyPodUpdatePolicy).Spec(func(s *v1beta1.StatefulSetSpec) {
				s.Template.Spec.Containers[0].Resources.Requests = build.Resources("100m", "64Mi").Requests
			})
		}).create(ctx)
		f.node()
		Eventually(f.names(ctx)).Should(HaveLen(3))
		f.makeGuaranteed(ctx, "web-2")
		f.resized(ctx, "web-0", "web-2") // the kubelet of web-1 reports no resources
		f.expectReady(ctx)

		f.change(ctx, func(s *v1beta1.StatefulSetSpec) {
			s.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = build.Quantity("50m")
		})
		Eventually(f.requests(ctx, "web-0")).WithTimeout(atOnce).Should(Equal("50m"))
		f.resized(ctx, "web-0")
		Eventually(f.status(ctx)).Should(And(
			HaveField("UpdatedReadyReplicas", BeEquivalentTo(1)),
			haveCondition(v1beta1.ConditionFailedUpdatePod, metav1.ConditionTrue, v1beta1.ReasonNotUpgradable),
			saying(v1beta1.ConditionFailedUpdatePod, "2 Pods, Pod web-2 the first: this cannot change in a running Pod: "+
				"the Pod's QoS class would change from Guaranteed to Burstable")))
		for _, name := range []string{"web-1", "web-2"} {
			Expect(f.requests(ctx, name)()).To(Equal("100m"), name)
		}
	})
})

var _ = Describe("A Pod whose node can never give it new resources", func() {
	for policy, limited := range map[v1beta1.PodUpdatePolicyType]bool{
		v1beta1.InPlaceOnlyPodUpdatePolicy: true, v1beta1.InPlaceIfPossiblePodUpdatePolicy: false,
	} {
		It("is limited with InPlaceOnly, and recreated with InPlaceIfPossible: "+string(policy), func(ctx SpecContext) {
			apiserver.AddNode(ctx, k8s, "node-1", nil)
			f := prepare(ctx, func(b *build.StatefulSetBuilder) {
				b.Parallel().MaxUnavailable("1").Policy(policy).Spec(func(s *v1beta1.StatefulSetSpec) {
					s.Template.Spec.Containers[0].Resources.Requests = build.Resources("10m", "64Mi").Requests
				})
			}).create(ctx)
			f.node()
			Eventually(f.names(ctx)).Should(HaveLen(3))
			small := "small-" + f.namespace
			apiserver.AddNode(ctx, k8s, small, func(node *corev1.Node) { node.Status.Allocatable[corev1.ResourceCPU] = build.Quantity("2") })
			f.makeAnew(ctx, "web-1", func(pod *corev1.Pod) { pod.Spec.NodeName = small })
			f.resized(ctx, "web-0", "web-1", "web-2")
			f.expectReady(ctx)
			before := f.pod(ctx, "web-1").UID

			f.change(ctx, func(s *v1beta1.StatefulSetSpec) {
				s.Template.Spec.Containers[0].Image = "app:2"
				s.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = build.Quantity("3")
			})
			done := And(HaveField("UpdatedAvailableReplicas", BeEquivalentTo(3)), haveCondition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete))
			Eventually(f.settling(ctx, "web-0", "web-1", "web-2")).Should(done)
			if !limited {
				Expect(f.pod(ctx, "web-1").UID).NotTo(Equal(before))
				Expect(f.requests(ctx, "web-1")()).To(Equal("3"))
				return
			}
			isLimited := And(done, haveCondition(v1beta1.ConditionUpdateLimited, metav1.ConditionTrue, v1beta1.ReasonResizeInfeasible),
				saying(v1beta1.ConditionUpdateLimited, "web-1 on node "+small+
					" (node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000)"))
			Eventually(f.settling(ctx, "web-0", "web-1", "web-2")).Should(isLimited)
			Expect(f.pod(ctx, "web-1").UID).To(Equal(before))
			Expect(f.pod(ctx, "web-1").Spec.Containers[0].Image).To(Equal("app:2"), "the image comes without the resources")
			Expect(f.requests(ctx, "web-1")()).To(Equal("10m"))

			f.image(ctx, "app:3")
			Eventually(f.settling(ctx, "web-0", "web-1", "web-2")).Should(isLimited)
			Expect(f.pod(ctx, "web-1").Spec.Containers[0].Image).To(Equal("app:3"))

			node := &corev1.Node{}
			Expect(k8s.Get(ctx, client.ObjectKey{Name: small}, node)).To(Succeed())
			node.Status.Allocatable[corev1.ResourceCPU] = build.Quantity("4")
			Expect(k8s.Status().Update(ctx, node)).To(Succeed())
			Eventually(f.requests(ctx, "web-1")).WithTimeout(time.Minute).Should(Equal("3"))
			Eventually(f.settling(ctx, "web-0", "web-1", "web-2")).Should(And(done,
				HaveField("Conditions", Not(ContainElement(HaveField("Type", v1beta1.ConditionUpdateLimited))))))
		}, SpecTimeout(3*time.Minute))
	}
})

var _ = Describe("A Pod on a node that does not say which kubelet it has", func() {
	It("waits with a resize, keeps nobody waiting, and goes once its node says it", func(ctx SpecContext) {
		apiserver.AddNode(ctx, k8s, "node-1", nil)
		f := prepare(ctx, func(b *build.StatefulSetBuilder) {
			b.Parallel().MaxUnavailable("1").Policy(v1beta1.InPlaceIfPossiblePodUpdatePolicy).Spec(func(s *v1beta1.StatefulSetSpec) {
				s.Template.Spec.Containers[0].Resources.Requests = build.Resources("10m", "64Mi").Requests
			})
		}).create(ctx)
		f.node()
		Eventually(f.names(ctx)).Should(HaveLen(3))
		unsaid := "unsaid-" + f.namespace
		apiserver.AddNode(ctx, k8s, unsaid, func(node *corev1.Node) { node.Status.NodeInfo.KubeletVersion = "" })
		f.makeAnew(ctx, "web-1", func(pod *corev1.Pod) { pod.Spec.NodeName = unsaid })
		f.resized(ctx, "web-0", "web-1", "web-2")
		f.expectReady(ctx)
		before := f.pod(ctx, "web-1").UID

		f.change(ctx, func(s *v1beta1.StatefulSetSpec) {
			s.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = build.Quantity("20m")
		})
		Eventually(f.settling(ctx, "web-0", "web-1", "web-2")).Should(And(HaveField("UpdatedAvailableReplicas", BeEquivalentTo(2)),
			haveCondition(v1beta1.ConditionReady, metav1.ConditionFalse, v1beta1.ReasonPodsUpdating),
			saying(v1beta1.ConditionReady, "Node "+unsaid+" does not say which version its kubelet has")))
		Expect(f.requests(ctx, "web-1")()).To(Equal("10m"))

		node := &corev1.Node{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: unsaid}, node)).To(Succeed())
		node.Status.NodeInfo.KubeletVersion = "v1.37.1"
		Expect(k8s.Status().Update(ctx, node)).To(Succeed())
		Eventually(f.requests(ctx, "web-1")).WithTimeout(time.Minute).Should(Equal("20m"))
		Eventually(f.settling(ctx, "web-0", "web-1", "web-2")).Should(haveCondition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete))
		Expect(f.pod(ctx, "web-1").UID).To(Equal(before))
	}, SpecTimeout(3*time.Minute))
})

// settling is the set's status, with kubelets that report the resources that the specs ask for.
func (f *fixture) settling(ctx context.Context, names ...string) func(Gomega) v1beta1.StatefulSetStatus {
	return func(g Gomega) v1beta1.StatefulSetStatus {
		for _, name := range names {
			if pod := f.pod(ctx, name); len(pod.Status.ContainerStatuses) > 0 {
				apiserver.Resized(pod)
				_ = k8s.Status().Update(ctx, pod) // whoever was faster: it is done again
			}
		}
		return f.status(ctx)(g)
	}
}

// makeGuaranteed makes a Pod anew as somebody's webhook would have it: with limits that its template does not have.
func (f *fixture) makeGuaranteed(ctx context.Context, name string) {
	GinkgoHelper()
	pod := f.makeAnew(ctx, name, func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources = build.Resources("100m", "64Mi") })
	Expect(pod.Status.QOSClass).To(Equal(corev1.PodQOSGuaranteed))
}

// makeAnew makes a Pod anew, and otherwise than its set would.
func (f *fixture) makeAnew(ctx context.Context, name string, change func(*corev1.Pod)) *corev1.Pod {
	GinkgoHelper()
	stopOperator()
	pod := f.pod(ctx, name)
	Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
	pod.UID, pod.ResourceVersion, pod.Status = "", "", corev1.PodStatus{}
	change(pod)
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	startOperator(ctx, nil)
	return pod
}

// resized has the kubelets report the resources that the specs ask for.
func (f *fixture) resized(ctx context.Context, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		Eventually(func() error {
			pod := f.pod(ctx, name)
			apiserver.Resized(pod)
			return k8s.Status().Update(ctx, pod)
		}).Should(Succeed(), name)
	}
}

// requests is how much cpu a Pod requests.
func (f *fixture) requests(ctx context.Context, name string) func() string {
	return func() string { return f.pod(ctx, name).Spec.Containers[0].Resources.Requests.Cpu().String() }
}
