// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

var _ = Describe("Whoever writes a SchedPatch is warned", Serial, func() {
	BeforeEach(func(ctx SpecContext) {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "slow", Labels: map[string]string{"disk": "hdd"}}}
		Expect(k8s.Create(ctx, node)).To(Succeed())
		DeferCleanup(func(ctx context.Context) { Expect(k8s.Delete(ctx, node)).To(Succeed()) })
		heard.Take()
	})

	It("of a target of another group, of a template that contradicts, and of nodes that are missing", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		made(ctx, ourStatefulSet(namespace), nil)
		cart := deployment(namespace)
		cart.Spec.Template.Spec.NodeSelector = map[string]string{"disk": "hdd"}
		made(ctx, cart, nil)

		By("another group")
		Expect(k8s.Create(ctx, ssd(namespace, "group", v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "StatefulSet",
			Name: "db"}))).To(Succeed())
		Expect(heard.Take()).To(Equal([]string{"spec.targetRef: apps/v1 StatefulSet db does not exist in namespace " + namespace +
			"; there is one of apps.kruise.io/v1beta1: set targetRef.apiVersion to it"}))

		By("a template that contradicts")
		patch := ssd(namespace, "contradicting", targetCart())
		patch.Spec.NodeSelector = nil
		patch.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: "disk", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"hdd"}}}}}}}}
		Expect(k8s.Create(ctx, patch)).To(Succeed())
		Expect(heard.Take()).To(Equal([]string{"spec: new Pods of Deployment.apps cart are created without this SchedPatch: " +
			"no node can match: the Pod demands disk In [hdd] (nodeSelector), the patch NotIn [hdd] (nodeAffinity). Change one of the two"}))

		By("no node")
		Expect(k8s.Create(ctx, ssd(namespace, "nowhere",
			v1alpha1.TargetReference{APIVersion: "batch/v1", Kind: "CronJob", Name: "later"}))).To(Succeed())
		Expect(heard.Take()).To(Equal([]string{"spec: Pods with this SchedPatch stay Pending until a node comes that meets it: " +
			"the labels of 0 of 1 nodes do. It demands disk In [ssd] (nodeSelector)"}))

		By("a node that is there")
		patch = ssd(namespace, "fine", targetCart())
		patch.Spec.NodeSelector = map[string]string{"disk": "hdd"}
		Expect(k8s.Create(ctx, patch)).To(Succeed())
		Expect(heard.Take()).To(BeEmpty())
	})
})

var _ = Describe("A Pod that no node could take with the patch", func() {
	It("is created without it, with a warning", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		owner := made(ctx, deployment(namespace), nil)
		replicas := made(ctx, replicaSet(namespace, "cart-1"), owner)
		patch := ssd(namespace, "off", targetCart())
		patch.Spec.NodeSelector = nil
		patch.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"node1"}}}}}}}}
		applied(ctx, patch)
		heard.Take()
		pinned := newPod(namespace, replicas)
		pinned.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "node1"}
		Expect(k8s.Create(ctx, pinned)).To(Succeed())
		Expect(pinned.Spec.Affinity).To(BeNil())
		Expect(pinned.Annotations).To(BeEmpty())
		Expect(heard.Take()).To(ContainElement(ContainSubstring(
			"no node can match: the Pod demands kubernetes.io/hostname In [node1] (nodeSelector), the patch NotIn [node1] (nodeAffinity)")))
	})
})
