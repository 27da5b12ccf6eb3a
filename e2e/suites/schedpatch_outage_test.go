// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("While no webhook answers", Serial, func() {
	It("lets Pods be created without their SchedPatch, and counts them as missed", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		set := createSet(ctx, framework.SidecarSet(namespace, namespace, "app"))
		awaitInjection(ctx, namespace, set.Name)
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart", selecting(corev1.LabelOSStable, "linux")))
		deployment := idleDeployment(namespace, 1)
		Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())
		awaitCount(ctx, namespace, "cart", 1)
		awaitPatchReport(ctx, patch, patchReport{Matched: 1, Patched: 1, Ready: "True Active"})

		killWebhooks(ctx, namespace, set.Name)
		scaleTo(ctx, deployment, 1+missed)
		pods := awaitCount(ctx, namespace, "cart", 1+missed)
		Expect(patchedOf(pods, patch.Name)).To(HaveLen(1))
		awaitPatchReport(ctx, patch, patchReport{Matched: 1 + missed, Patched: 1, Skipped: missed, Ready: "True Active"})
		Expect(patchMessage(patch)).To(ContainSubstring("WebhookMissed"))
		figure("missed", "%s", patchMessage(patch))

		By("patching again when the webhook is back")
		bringBack(ctx, namespace, set.Name)
		for i := range pods {
			if !carries(&pods[i], patch.Name) {
				Expect(cluster.Client.Delete(ctx, &pods[i], client.GracePeriodSeconds(0))).To(Succeed())
			}
		}
		awaitPatchReport(ctx, patch, patchReport{Matched: 1 + missed, Patched: 1 + missed, Ready: "True Active"})
	}, SpecTimeout(framework.SpecPatience))
})
