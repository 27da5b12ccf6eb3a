// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// refusal is what cert-manager says about the certificate that it does not issue.
const refusal = "the issuer has run out of ink"

// certManagerSecrets are what cert-manager leaves behind when its Certificates are deleted.
var certManagerSecrets = []string{framework.ReleaseName + "-webhook-tls", framework.ReleaseName + "-webhook-ca"}

var _ = Describe("The provider of certificates", Ordered, Serial, func() {
	var certManager *framework.CertManager

	BeforeAll(func(ctx SpecContext) {
		names, err := cluster.InstallCertManagerDefinitions(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			_, err := release.Upgrade(ctx, nil)
			Expect(err).NotTo(HaveOccurred())
			deleteCertManagerSecrets(ctx)
			Expect(cluster.RemoveDefinitions(ctx, names...)).To(Succeed())
		}, NodeTimeout(framework.SpecPatience))
		playing, stop := context.WithCancel(context.Background())
		DeferCleanup(stop)
		certManager = cluster.PlayCertManager(playing)
	})

	It("changes from self to cert-manager and back, twice, while Pods are created, and no Pod fails or misses its sidecar", func(ctx SpecContext) {
		plain := newNamespace(ctx, nil)
		enforced := newNamespace(ctx, map[string]string{"apps.kruise.io/injection": "enforced"})
		sets := map[string]string{}
		for _, namespace := range []string{plain, enforced} {
			sets[namespace] = createSet(ctx, framework.SidecarSet(namespace, namespace, "app")).Name
			awaitInjection(ctx, namespace, sets[namespace])
		}

		// The first time everything is new, the second time cert-manager finds what it left behind.
		certManager.Refuse(refusal)
		for _, change := range []struct {
			to        string
			meanwhile func(context.Context)
		}{
			{"cert-manager", func(ctx context.Context) { expectRefusalTold(ctx); certManager.Refuse("") }},
			{to: "self"},
			{to: "cert-manager"},
			{to: "self"},
		} {
			By("changing to " + change.to)
			var took time.Duration
			creations := underLoads(ctx, []string{plain, enforced}, slowCreationRate, nil, func(ctx context.Context) {
				took = upgradeProvider(ctx, change.to, change.meanwhile)
			})
			Eventually(ctx, certManager.Err).Should(Succeed(), "cert-manager does its work")
			for namespace := range sets {
				expectAllInjected(creations[namespace], sets[namespace])
			}
			inEnforced, all := creations[enforced], slices.Concat(creations[plain], creations[enforced])
			figure("to "+change.to, "helm upgrade --wait %.1f s; %d Pods created, %d of them where injection is enforced, none failed, none without its sidecar; median %s, slowest %s",
				took.Seconds(), len(all), len(inEnforced), framework.Median(all).Round(time.Millisecond), framework.Slowest(all).Round(time.Millisecond))
		}

		By("serving the certificate of self alone, a while after it took over")
		Eventually(ctx, func(g Gomega) {
			served := servedByAll(ctx)
			stored, err := cluster.StoredCertificate(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(served.Equal(stored)).To(BeTrue(), "served: %s, stored: %s", describe(served), describe(stored))
		}).Should(Succeed())
	}, SpecTimeout(framework.SpecPatience))

	It("leaves the webhook nothing to write, and serves what cert-manager has made", func(ctx SpecContext) {
		upgradeProvider(ctx, "cert-manager", nil)
		served := servedByAll(ctx)
		Expect(served.Issuer.CommonName).To(Equal(framework.ReleaseName + "-webhook-ca"))
		Expect(served.ExtKeyUsage).To(Equal([]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}))
		secrets := &corev1.SecretList{}
		Expect(cluster.Client.List(ctx, secrets, client.InNamespace(options.Namespace))).To(Succeed())
		for i := range secrets.Items {
			Expect(secrets.Items[i].Name).NotTo(Equal(cluster.CertificateSecret().Name), "the Secret of the provider self is gone, with its CA's key")
		}
	}, SpecTimeout(framework.SpecPatience))
})

// upgradeProvider is helm upgrade --wait with another provider of certificates, while something else goes on. It
// returns how long it took.
func upgradeProvider(ctx context.Context, to string, meanwhile func(context.Context)) time.Duration {
	GinkgoHelper()
	type result struct {
		took time.Duration
		err  error
	}
	done := make(chan result, 1)
	go func() {
		took, err := release.Upgrade(ctx, map[string]any{"certificates": map[string]any{"provider": to}})
		done <- result{took, err}
	}()
	if meanwhile != nil {
		meanwhile(ctx)
	}
	var upgraded result
	Eventually(ctx, done).Should(Receive(&upgraded))
	Expect(upgraded.err).NotTo(HaveOccurred())
	return upgraded.took
}

// expectRefusalTold waits until a replica that cannot start tells why, in an event on its Pod.
func expectRefusalTold(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		list := &corev1.EventList{}
		g.Expect(cluster.Client.List(ctx, list, client.InNamespace(options.Namespace))).To(Succeed())
		var told []string
		for i := range list.Items {
			if e := &list.Items[i]; e.Reason == "CertificateNotReady" && e.InvolvedObject.Kind == "Pod" && e.InvolvedObject.UID != "" {
				told = append(told, e.Message)
			}
		}
		g.Expect(told).To(ContainElement("Certificate " + options.Namespace + "/" + framework.ReleaseName + "-webhook is not ready: DoesNotExist: " + refusal))
	}).Should(Succeed())
}

// deleteCertManagerSecrets removes what nobody needs any more.
func deleteCertManagerSecrets(ctx context.Context) {
	GinkgoHelper()
	for _, name := range certManagerSecrets {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: options.Namespace, Name: name}}
		Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, secret))).To(Succeed())
	}
}
