// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("The Secret of the certificates", Serial, func() {
	It("is put back by the replicas that run when it is deleted, and every caBundle with it", func(ctx SpecContext) {
		namespace, set := enforcing(ctx)
		expectNoRestart := watchPrograms(ctx)
		before, err := cluster.StoredCertificate(ctx)
		Expect(err).NotTo(HaveOccurred())

		deleteCertificateSecret(ctx)
		takeAwayBundles(ctx)
		began := time.Now()
		Eventually(ctx, func(g Gomega) {
			after, err := cluster.StoredCertificate(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(after.Equal(before)).To(BeTrue(), "it holds what it held")
		}).Should(Succeed())
		awaitInjection(ctx, namespace, set)
		figure("put back", "after %s, API servers trusting it", time.Since(began).Round(time.Second))
		Eventually(ctx, certificateEvents(ctx)).Should(ContainElements("CertificateSecretMissing", "CertificateSecretRestored"))
		expectNoRestart(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("is made anew, with another CA, when all replicas start without it", func(ctx SpecContext) {
		namespace, set := enforcing(ctx)
		before, err := cluster.StoredCertificate(ctx)
		Expect(err).NotTo(HaveOccurred())
		stopWebhooks(ctx, namespace, set)
		deleteCertificateSecret(ctx) // for good: nobody is there who puts it back
		began := time.Now()
		bringBack(ctx, namespace, set)
		figure("made anew", "after %s, API servers trusting it", time.Since(began).Round(time.Second))
		after, err := cluster.StoredCertificate(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Equal(before)).To(BeFalse(), "a new certificate")
		pods, err := cluster.ReadyReleasePods(ctx, "webhook", replicas)
		Expect(err).NotTo(HaveOccurred())
		Expect(framework.Restarts(pods)).To(HaveEach(BeZero()), "restarts of the replicas that started without it")
	}, SpecTimeout(framework.SpecPatience))
})

// enforcing makes a namespace that takes no Pod without its sidecars, and a set for its Pods.
func enforcing(ctx context.Context) (namespace, set string) {
	GinkgoHelper()
	namespace = newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced})
	set = createSet(ctx, framework.SidecarSet(namespace, namespace, "app")).Name
	awaitInjection(ctx, namespace, set)
	return namespace, set
}

func deleteCertificateSecret(ctx context.Context) {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(cluster.Client.Get(ctx, cluster.CertificateSecret(), secret)).To(Succeed())
	Expect(cluster.Client.Delete(ctx, secret)).To(Succeed())
}

// takeAwayBundles empties the caBundle of every webhook, as a GitOps tool does that renders it empty.
func takeAwayBundles(ctx context.Context) {
	GinkgoHelper()
	mutating, validating, err := cluster.WebhookConfigurations(ctx)
	Expect(err).NotTo(HaveOccurred())
	trusting, judging := mutating.DeepCopy(), validating.DeepCopy()
	for i := range mutating.Webhooks {
		mutating.Webhooks[i].ClientConfig.CABundle = nil
	}
	for i := range validating.Webhooks {
		validating.Webhooks[i].ClientConfig.CABundle = nil
	}
	Expect(cluster.Client.Patch(ctx, mutating, client.MergeFrom(trusting))).To(Succeed())
	Expect(cluster.Client.Patch(ctx, validating, client.MergeFrom(judging))).To(Succeed())
}

// certificateEvents are the reasons of the events on the webhook's Pods.
func certificateEvents(ctx context.Context) func() ([]string, error) {
	return func() ([]string, error) {
		list := &corev1.EventList{}
		if err := cluster.Client.List(ctx, list, client.InNamespace(cluster.CertificateSecret().Namespace)); err != nil {
			return nil, err
		}
		var reasons []string
		for i := range list.Items {
			reasons = append(reasons, list.Items[i].Reason)
		}
		return reasons, nil
	}
}
