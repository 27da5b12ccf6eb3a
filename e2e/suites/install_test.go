// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("The chart", Ordered, Serial, func() {
	var namespace string
	set := framework.SidecarSet("e2e-install", "", "app")

	BeforeAll(func(ctx SpecContext) {
		Expect(release.EnsureUninstalled()).To(Succeed())
		Eventually(ctx, func() ([]corev1.Pod, error) { return allReleasePods(ctx) }).Should(BeEmpty())
		namespace = newNamespace(ctx, nil)
		set = framework.SidecarSet("e2e-install", namespace, "app")
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.DeleteSidecarSet(ctx, set.Name)).To(Succeed()) })
	})

	AfterAll(func(ctx SpecContext) {
		Expect(release.EnsureInstalled(ctx)).To(Succeed())
	}, NodeTimeout(framework.SpecPatience))

	It("is of use as soon as helm install --wait has ended", func(ctx SpecContext) {
		began := time.Now()
		took, err := release.Install(ctx, nil)
		Expect(err).NotTo(HaveOccurred())
		programs(ctx)
		Expect(cluster.Client.Create(ctx, set)).To(Succeed())
		awaitInjection(ctx, namespace, set.Name)
		figure("helm install --wait", "%.1f s; first Pod injected after %.1f s", took.Seconds(), time.Since(began).Seconds())
	}, SpecTimeout(framework.SpecPatience))

	It("rolls both programs when helm upgrade changes a value", func(ctx SpecContext) {
		before := framework.Identities(programs(ctx))
		took, err := release.Upgrade(ctx, map[string]any{"logging": map[string]any{"level": "debug"}})
		Expect(err).NotTo(HaveOccurred())
		var after []corev1.Pod
		Eventually(ctx, func(g Gomega) {
			after, err = allReleasePods(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(after).To(HaveLen(2*replicas), "Pods of both programs, the old ones gone")
		}).Should(Succeed())
		for i := range after {
			Expect(before).NotTo(HaveKey(after[i].Name), "a Pod of before the upgrade")
			Expect(after[i].Spec.Containers[0].Args).To(ContainElement("--log-level=debug"))
		}
		awaitInjection(ctx, namespace, set.Name)
		figure("helm upgrade --wait", "%.1f s", took.Seconds())
	}, SpecTimeout(framework.SpecPatience))

	It("leaves no webhook configuration after helm uninstall, and Pods can be created right away", func(ctx SpecContext) {
		took, err := release.Uninstall()
		Expect(err).NotTo(HaveOccurred())

		creation := cluster.CreatePod(ctx, framework.UnscheduledPod(namespace, "after-uninstall", "app"))
		Expect(creation.Err).NotTo(HaveOccurred())
		Expect(creation.Pod).NotTo(beInjectedBy(set.Name), "nobody is there to inject")

		Expect(webhookConfigurations(ctx)).To(BeEmpty())
		figure("helm uninstall", "%.1f s; a Pod right after it in %.3f s", took.Seconds(), creation.Took.Seconds())
	})

	It("keeps the CustomResourceDefinitions and the SidecarSets over helm uninstall", func(ctx SpecContext) {
		for _, name := range []string{"sidecarsets", "statefulsets", "schedpatches"} {
			crd := &apiextensionsv1.CustomResourceDefinition{}
			Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: name + ".apps.kruise.io"}, crd)).To(Succeed())
			Expect(crd.DeletionTimestamp).To(BeNil())
		}
		survivor, err := cluster.GetSidecarSet(ctx, set.Name)
		Expect(err).NotTo(HaveOccurred())
		Expect(survivor.UID).To(Equal(set.UID))
	})

	It("takes the kept definitions and SidecarSets over when it is installed again", func(ctx SpecContext) {
		took, err := release.Install(ctx, nil)
		Expect(err).NotTo(HaveOccurred())
		programs(ctx)
		awaitInjection(ctx, namespace, set.Name)
		By("reporting the Pod that was created while nobody was there")
		awaitCondition(ctx, set.Name, v1beta1.ConditionInjected, metav1.ConditionFalse, v1beta1.ReasonPodsNotInjected)
		Expect(conditionMessage(ctx, set.Name, v1beta1.ConditionInjected)).To(ContainSubstring(namespace + "/after-uninstall"))
		figure("helm install --wait, again", "%.1f s", took.Seconds())
	}, SpecTimeout(framework.SpecPatience))
})

func allReleasePods(ctx context.Context) ([]corev1.Pod, error) {
	list := &corev1.PodList{}
	err := cluster.Client.List(ctx, list, client.InNamespace(options.Namespace),
		client.MatchingLabels{"app.kubernetes.io/instance": framework.ReleaseName})
	return list.Items, err
}

// webhookConfigurations names the configurations that send something to the release's Service.
func webhookConfigurations(ctx context.Context) []string {
	GinkgoHelper()
	var names []string
	ours := func(name string, config admissionregistrationv1.WebhookClientConfig) {
		if config.Service != nil && config.Service.Namespace == options.Namespace {
			names = append(names, name)
		}
	}
	mutating := &admissionregistrationv1.MutatingWebhookConfigurationList{}
	Expect(cluster.Client.List(ctx, mutating)).To(Succeed())
	for i := range mutating.Items {
		for j := range mutating.Items[i].Webhooks {
			ours(mutating.Items[i].Name, mutating.Items[i].Webhooks[j].ClientConfig)
		}
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfigurationList{}
	Expect(cluster.Client.List(ctx, validating)).To(Succeed())
	for i := range validating.Items {
		for j := range validating.Items[i].Webhooks {
			ours(validating.Items[i].Name, validating.Items[i].Webhooks[j].ClientConfig)
		}
	}
	return names
}
