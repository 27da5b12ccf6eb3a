// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// crowded is a SidecarSet injected into Pods that are each bound to one of two nodes.
type crowded struct {
	namespace, set string
	// free and full are nodes. Amounts of cpu are parts of what the full one has.
	free, full string
	cpu        int64
}

// startCrowded makes a SidecarSet whose sidecar requests little. Its Pods are those of Deployments web and cart.
func startCrowded(ctx context.Context, edits ...func(*v1beta1.SidecarSet)) *crowded {
	GinkgoHelper()
	nodes, err := cluster.Nodes(ctx)
	Expect(err).NotTo(HaveOccurred())
	if len(nodes) < 2 {
		Skip("a node that is full needs another one that is not")
	}
	c := &crowded{namespace: newNamespace(ctx, nil), free: nodes[0], full: nodes[1]}
	node := &corev1.Node{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: c.full}, node)).To(Succeed())
	c.cpu = node.Status.Allocatable.Cpu().MilliValue()
	set := framework.SidecarSet(c.namespace, c.namespace, "")
	set.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: framework.AppLabel, Operator: metav1.LabelSelectorOpIn, Values: []string{"web", "cart"}},
	}}
	c.sidecar(0.02)(set)
	for _, edit := range edits {
		edit(set)
	}
	c.set = createSet(ctx, set).Name
	Eventually(ctx, func() error { return cluster.Injects(ctx, c.namespace, "web", c.set) }).Should(Succeed())
	return c
}

// part is a request of a part of the cpu of the full node.
func (c *crowded) part(part float64) corev1.ResourceRequirements {
	amount := *resource.NewMilliQuantity(int64(part*float64(c.cpu)), resource.DecimalSI)
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: amount}}
}

// sidecar lets the sidecar request a part of the cpu.
func (c *crowded) sidecar(part float64) func(*v1beta1.SidecarSet) {
	return func(set *v1beta1.SidecarSet) {
		for _, list := range [][]v1beta1.SidecarContainer{set.Spec.Containers, set.Spec.InitContainers} {
			for i := range list {
				list[i].Resources = c.part(part)
			}
		}
	}
}

// beNative makes a set's sidecar a native one.
func beNative(set *v1beta1.SidecarSet) {
	native := set.Spec.Containers[0]
	native.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	set.Spec.InitContainers, set.Spec.Containers = []v1beta1.SidecarContainer{native}, nil
}

// run runs Pods on a node, whose application requests a part of the cpu.
func (c *crowded) run(ctx context.Context, app, node string, count int32, part float64) *appsv1.Deployment {
	GinkgoHelper()
	d := framework.Deployment(c.namespace, app, count)
	d.Spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node}
	d.Spec.Template.Spec.Containers[0].Resources = c.part(part)
	runWorkload(ctx, d)
	return d
}

// expectCPU holds what kubelets have given the sidecars of a Deployment.
func (c *crowded) expectCPU(ctx context.Context, d *appsv1.Deployment, part float64) {
	GinkgoHelper()
	want := c.part(part).Requests
	for _, pod := range awaitPods(ctx, d) {
		given := framework.ContainerStatus(&pod, framework.SidecarContainer).Resources
		Expect(given).NotTo(BeNil(), "resources of Pod %s", pod.Name)
		Expect(given.Requests.Cpu().Cmp(*want.Cpu())).To(BeZero(), "Pod %s has %v", pod.Name, given.Requests)
	}
}

// awaitLimited waits until the rollout is complete, and a Pod is said to be limited by its node.
func (c *crowded) awaitLimited(ctx context.Context, d *appsv1.Deployment, pods int32, reason, words string) {
	GinkgoHelper()
	awaitCounters(ctx, c.set, counters{Matched: pods, Updated: pods, Ready: pods, UpdatedReady: pods})
	awaitCondition(ctx, c.set, v1beta1.ConditionUpdateLimited, metav1.ConditionTrue, reason)
	awaitCondition(ctx, c.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
	said := conditionMessage(ctx, c.set, v1beta1.ConditionUpdateLimited)
	figure(reason, "%s", said)
	Expect(said).To(And(ContainSubstring(c.namespace+"/"+awaitPods(ctx, d)[0].Name+" on node "+c.full), ContainSubstring(words)))
}

var _ = Describe("A full node", Serial, func() {
	for kind, native := range map[string]bool{"a sidecar": false, "a native sidecar": true} {
		It("that can never give "+kind+" more limits its Pod alone, which gets each next image", func(ctx SpecContext) {
			c := startCrowded(ctx, func(set *v1beta1.SidecarSet) {
				if native {
					beNative(set)
				}
			})
			image := func(image string) func(*v1beta1.SidecarSet) {
				return func(set *v1beta1.SidecarSet) {
					if native {
						set.Spec.InitContainers[0].Image = image
					} else {
						set.Spec.Containers[0].Image = image
					}
				}
			}
			web, cart := c.run(ctx, "web", c.free, 2, 0.02), c.run(ctx, "cart", c.full, 1, 0.7)
			awaitCounters(ctx, c.set, counters{Matched: 3, Updated: 3, Ready: 3, UpdatedReady: 3})
			before := framework.Identities(awaitPods(ctx, cart))

			By("raising its cpu, where the Pod would have more than the node")
			changeSet(ctx, c.set, c.sidecar(0.32))
			c.awaitLimited(ctx, cart, 3, v1beta1.ReasonResizeInfeasible, "enough allocatable resources: cpu")
			c.expectCPU(ctx, web, 0.32)
			c.expectCPU(ctx, cart, 0.02)

			By("rolling the next image out")
			changeSet(ctx, c.set, image(framework.SidecarImageV2))
			Eventually(ctx, func() []string { return images(awaitPods(ctx, cart), framework.SidecarContainer) }).
				Should(HaveEach(framework.SidecarImageV2))
			c.awaitLimited(ctx, cart, 3, v1beta1.ReasonResizeInfeasible, "enough allocatable resources: cpu")
			Expect(images(awaitPods(ctx, web), framework.SidecarContainer)).To(HaveEach(framework.SidecarImageV2))
			Expect(framework.Identities(awaitPods(ctx, cart))).To(Equal(before), "nothing is recreated")

			By("asking for less")
			changeSet(ctx, c.set, c.sidecar(0.1))
			awaitCondition(ctx, c.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
			Eventually(ctx, func() string { return conditionMessage(ctx, c.set, v1beta1.ConditionUpdateLimited) }).Should(BeEmpty())
			awaitCounters(ctx, c.set, counters{Matched: 3, Updated: 3, Ready: 3, UpdatedReady: 3})
			c.expectCPU(ctx, cart, 0.1)
			c.expectCPU(ctx, web, 0.1)
		}, SpecTimeout(framework.SpecPatience))
	}

	It("that has no room now limits its Pod until another one has left", func(ctx SpecContext) {
		c := startCrowded(ctx)
		other := c.run(ctx, "other", c.full, 1, 0.6)
		web, cart := c.run(ctx, "web", c.free, 1, 0.02), c.run(ctx, "cart", c.full, 1, 0.02)
		awaitCounters(ctx, c.set, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
		before := framework.Identities(awaitPods(ctx, cart))

		By("raising its cpu, where there is no room beside the other Pod")
		changeSet(ctx, c.set, c.sidecar(0.5))
		c.awaitLimited(ctx, cart, 2, v1beta1.ReasonResizeDeferred, "cpu")
		c.expectCPU(ctx, web, 0.5)
		c.expectCPU(ctx, cart, 0.02)

		By("deleting the other Pod")
		Expect(cluster.Client.Delete(ctx, other, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(ctx, func() string { return conditionMessage(ctx, c.set, v1beta1.ConditionUpdateLimited) }).
			WithTimeout(2 * framework.Patience).Should(BeEmpty()) // a kubelet looks every 3 min, if it does not at once
		awaitCondition(ctx, c.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		c.expectCPU(ctx, cart, 0.5)
		Expect(framework.Identities(awaitPods(ctx, cart))).To(Equal(before), "nothing is recreated")
	}, SpecTimeout(framework.SpecPatience))
})
