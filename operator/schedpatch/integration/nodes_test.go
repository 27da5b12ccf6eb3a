// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// ready is the Ready condition's status, reason and message.
func (f *fixture) ready(ctx context.Context) func(Gomega) string {
	return func(g Gomega) string {
		ready := meta.FindStatusCondition(f.status(ctx)(g).Conditions, v1beta1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		return string(ready.Status) + " " + ready.Reason + ": " + ready.Message
	}
}

var _ = Describe("An active patch", func() {
	It("says that no node is left, until one comes", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		node := create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: f.namespace + "-1",
			Labels: map[string]string{"zone": "b", "for": f.namespace}}}, nil)
		DeferCleanup(func(ctx context.Context) { Expect(k8s.Delete(ctx, node)).To(Succeed()) })
		before := node.DeepCopy()
		node.Spec.Taints = nil
		Expect(k8s.Patch(ctx, node, client.MergeFrom(before))).To(Succeed())
		create(ctx, f.deployment(map[string]string{"for": f.namespace}), nil)
		f.patch(ctx, nil)
		Eventually(ctx, f.ready(ctx)).Should(SatisfyAll(
			HavePrefix("False NoEligibleNodes: New Pods of Deployment cart get the patch and stay Pending: 0 of "),
			ContainSubstring("without the patch 1. It demands zone In [a] (nodeSelector).")))

		before = node.DeepCopy()
		node.Labels["zone"] = "a"
		Expect(k8s.Patch(ctx, node, client.MergeFrom(before))).To(Succeed())
		Eventually(ctx, f.ready(ctx)).Should(Equal("True Active: New Pods of Deployment cart get the patch."))
	})

	It("says that it contradicts the template, before there is a Pod", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		create(ctx, f.deployment(map[string]string{"zone": "b"}), nil)
		f.patch(ctx, func(o *v1alpha1.SchedPatch) {
			o.Spec.NodeSelector = nil
			o.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
					NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
						{Key: "zone", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"b"}}}}}}}}
		})
		Eventually(ctx, f.ready(ctx)).Should(Equal("False Conflict: New Pods of Deployment cart do not get the patch: " +
			"no node can match: the Pod demands zone In [b] (nodeSelector), the patch NotIn [b] (nodeAffinity). Change one of the two."))
	})

	It("names what may be meant by a target that does not exist", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		create(ctx, f.advancedStatefulSet(), nil)
		f.patch(ctx, func(o *v1alpha1.SchedPatch) { o.Spec.TargetRef.Kind = "StatefulSet" })
		Eventually(ctx, f.ready(ctx)).Should(Equal("False TargetNotFound: apps/v1 StatefulSet cart does not exist in namespace " + f.namespace +
			"; there is one of apps.kruise.io/v1beta1: set targetRef.apiVersion to it. The patch works from the moment that its target exists."))

		By("a name that is nearly right")
		deployment := f.deployment(nil)
		deployment.Name = "cart-v2"
		create(ctx, deployment, nil)
		object := &v1alpha1.SchedPatch{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: "p"}, object)).To(Succeed())
		object.Spec.TargetRef.Kind, object.Spec.TargetRef.Name = "Deployment", "cart-v"
		Expect(k8s.Update(ctx, object)).To(Succeed())
		Eventually(ctx, f.ready(ctx)).Should(ContainSubstring("; there is Deployment cart-v2: if that is meant, set targetRef.name to it."))
	})
})
