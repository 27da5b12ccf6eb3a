// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("A SchedPatch that fits nothing", func() {
	It("is not given to Pods that no node could take with it", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart", func(spec *v1alpha1.SchedPatchSpec) {
			spec.Tolerations, spec.Affinity = nil, requiring(corev1.LabelHostname, "node1")
			spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchExpressions[0].Operator = corev1.NodeSelectorOpNotIn
		}))
		deployment := idleDeployment(namespace, 1)
		deployment.Spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "node1"}
		Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())
		Expect(patchedOf(awaitCount(ctx, namespace, "cart", 1), patch.Name)).To(BeEmpty())
		awaitPatchReport(ctx, patch, patchReport{Matched: 1, Skipped: 1, Ready: "False Conflict"})
		Expect(patchMessage(patch)).To(Equal("New Pods of Deployment cart do not get the patch: no node can match: " +
			"the Pod demands kubernetes.io/hostname In [node1] (nodeSelector), the patch NotIn [node1] (nodeAffinity). Change one of the two."))
	}, SpecTimeout(framework.SpecPatience))

	It("says that no node is left, until one comes", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		patch := patchFor(namespace, "apps/v1", "Deployment", "cart")
		Expect(cluster.Client.Create(ctx, patch)).To(Succeed())
		Expect(cluster.Client.Create(ctx, idleDeployment(namespace, 0))).To(Succeed())
		awaitPatchReport(ctx, patch, patchReport{Ready: "False NoEligibleNodes"})
		Expect(patchMessage(patch)).To(MatchRegexp(`^New Pods of Deployment cart get the patch and stay Pending: 0 of \d+ nodes are left for them, ` +
			`without the patch [1-9]\d*\. It demands pool In \[` + namespace + `\] \(nodeAffinity\)\.`))
		simulatedNodes(ctx, namespace, 1)
		awaitPatchReport(ctx, patch, patchReport{Ready: "True Active"})
	}, SpecTimeout(framework.SpecPatience))

	It("names the StatefulSet of the other group", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		Expect(cluster.Client.Create(ctx, framework.StatefulSet(namespace, "db", 0))).To(Succeed())
		patch := patchFor(namespace, "apps/v1", "StatefulSet", "db")
		Expect(cluster.Client.Create(ctx, patch)).To(Succeed())
		awaitPatchReport(ctx, patch, patchReport{Ready: "False TargetNotFound"})
		Expect(patchMessage(patch)).To(ContainSubstring("apps/v1 StatefulSet db does not exist in namespace " + namespace +
			"; there is one of apps.kruise.io/v1beta1: set targetRef.apiVersion to it"))
	}, SpecTimeout(framework.SpecPatience))
})
