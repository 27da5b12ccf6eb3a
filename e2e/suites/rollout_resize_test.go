// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("A sidecar's resources", func() {
	It("change in place without a restart, and together with the image in one", func(ctx SpecContext) {
		r := startRollout(ctx, 2, setResources("50m", "32Mi"))
		expectResources(r.before, "50m", "32Mi")

		By("raising cpu and memory")
		r.change(ctx, setResources("80m", "48Mi"))
		resized := r.awaitReady(ctx, v1beta1.ReasonComplete)
		expectResources(resized, "80m", "48Mi")
		Expect(framework.Identities(resized)).To(Equal(framework.Identities(r.before)))
		Expect(framework.Restarts(resized)).To(Equal(framework.Restarts(r.before)))
		expectWireAfterUpdate(ctx, resized, r.set)
		awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})

		By("lowering cpu and changing the image")
		r.change(ctx, func(set *v1beta1.SidecarSet) {
			setResources("60m", "48Mi")(set)
			set.Spec.Containers[0].Image = framework.SidecarImageV2
		})
		updated := r.awaitReady(ctx, v1beta1.ReasonComplete)
		expectResources(updated, "60m", "48Mi")
		expectInPlace(r.before, updated, framework.SidecarImageV2)
		expectWireAfterUpdate(ctx, updated, r.set)
	}, SpecTimeout(framework.SpecPatience))
})

// setResources makes a sidecar request so much, and limits it to twice that.
func setResources(cpu, memory string) func(*v1beta1.SidecarSet) {
	return func(set *v1beta1.SidecarSet) { set.Spec.Containers[0].Resources = resources(cpu, memory) }
}

func resources(cpu, memory string) corev1.ResourceRequirements {
	requests := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	limits := corev1.ResourceList{}
	for name, quantity := range requests {
		quantity.Add(quantity)
		limits[name] = quantity
	}
	return corev1.ResourceRequirements{Requests: requests, Limits: limits}
}

// expectResources holds the sidecars' resources in spec and status against setResources.
func expectResources(pods []corev1.Pod, cpu, memory string) {
	GinkgoHelper()
	want := resources(cpu, memory)
	for i := range pods {
		status := framework.ContainerStatus(&pods[i], framework.SidecarContainer)
		Expect(status.Resources).NotTo(BeNil(), "resources in the status of Pod %s", pods[i].Name)
		expectAmounts(framework.Container(&pods[i], framework.SidecarContainer).Resources, want)
		expectAmounts(*status.Resources, want)
	}
}

func expectAmounts(got, want corev1.ResourceRequirements) {
	GinkgoHelper()
	for name := range want.Requests {
		Expect(got.Requests.Name(name, "").Cmp(*want.Requests.Name(name, ""))).To(BeZero(), "request of %s: %v, want %v", name, got.Requests, want.Requests)
		Expect(got.Limits.Name(name, "").Cmp(*want.Limits.Name(name, ""))).To(BeZero(), "limit of %s: %v, want %v", name, got.Limits, want.Limits)
	}
}
