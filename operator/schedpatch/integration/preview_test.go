// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

var _ = Describe("A preview", func() {
	It("follows the template and the nodes", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		// A new node is tainted until it is ready.
		node := func(name string) *corev1.Node {
			labels := map[string]string{"zone": "a", "for": f.namespace}
			node := create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: f.namespace + name, Labels: labels}}, nil)
			before := node.DeepCopy()
			node.Spec.Taints = nil
			Expect(k8s.Patch(ctx, node, client.MergeFrom(before))).To(Succeed())
			return node
		}
		eligible := func(g Gomega) []string {
			preview := f.status(ctx)(g).Preview
			g.Expect(preview).NotTo(BeNil())
			return preview.EligibleNodes
		}
		first := node("-1")
		deployment := create(ctx, f.deployment(map[string]string{"for": f.namespace}), nil)
		f.patch(ctx, func(o *v1alpha1.SchedPatch) { o.Spec.Mode = v1alpha1.SchedPatchPreview })
		Eventually(ctx, eligible).Should(Equal([]string{first.Name}))
		Expect(f.status(ctx)(Default).Preview.NodeSelector).To(Equal(map[string]string{"for": f.namespace, "zone": "a"}))

		By("a node that comes")
		second := node("-2")
		Eventually(ctx, eligible).Should(Equal([]string{first.Name, second.Name}))

		By("a node that is cordoned")
		before := first.DeepCopy()
		first.Spec.Unschedulable = true
		Expect(k8s.Patch(ctx, first, client.MergeFrom(before))).To(Succeed())
		Eventually(ctx, eligible).Should(Equal([]string{second.Name}))

		By("a template that contradicts")
		old := deployment.DeepCopy()
		deployment.Spec.Template.Spec.NodeSelector["zone"] = "b"
		Expect(k8s.Patch(ctx, deployment, client.MergeFrom(old))).To(Succeed())
		Eventually(ctx, func(g Gomega) []string { return f.status(ctx)(g).Preview.Conflicts }).
			Should(Equal([]string{`nodeSelector zone is "b" in the Pod and "a" in the patch`}))
		Expect(f.report(ctx)(Default)).To(Equal(report{Ready: "True Preview"}))
	})

	It("takes in the other patches of the target", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		create(ctx, f.deployment(nil), nil)
		f.patch(ctx, func(o *v1alpha1.SchedPatch) { o.Spec.Mode = v1alpha1.SchedPatchPreview })
		selector := func(g Gomega) map[string]string {
			preview := f.status(ctx)(g).Preview
			g.Expect(preview).NotTo(BeNil())
			return preview.NodeSelector
		}
		Eventually(ctx, selector).Should(Equal(map[string]string{"zone": "a"}))
		f.patch(ctx, func(o *v1alpha1.SchedPatch) { o.Name, o.Spec.NodeSelector = "other", map[string]string{"disk": "ssd"} })
		Eventually(ctx, selector).Should(Equal(map[string]string{"zone": "a", "disk": "ssd"}))
	})
})
