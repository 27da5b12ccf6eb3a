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

// makeGuaranteed makes a Pod anew as somebody's webhook would have it: with limits that its template does not have.
func (f *fixture) makeGuaranteed(ctx context.Context, name string) {
	GinkgoHelper()
	stopOperator()
	pod := f.pod(ctx, name)
	Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
	pod.UID, pod.ResourceVersion, pod.Status = "", "", corev1.PodStatus{}
	pod.Spec.Containers[0].Resources = build.Resources("100m", "64Mi")
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	Expect(pod.Status.QOSClass).To(Equal(corev1.PodQOSGuaranteed))
	startOperator(ctx, nil)
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
