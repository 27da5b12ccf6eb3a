// SPDX-License-Identifier: Apache-2.0

package accounts

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/certs"
)

var _ = Describe("The webhook with the rights of its account", func() {
	It("makes its Secret, replaces the CA, and puts both back when they are taken away", func(ctx SpecContext) {
		source := makeCertificates(ctx)
		Eventually(ctx, source.Distrust).Should(Succeed())
		first, err := source.GetCertificate(nil)
		Expect(err).NotTo(HaveOccurred())

		By("making another CA")
		stored := secret()
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(stored), stored)).To(Succeed())
		stored.Data = nil
		Expect(k8s.Update(ctx, stored)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(source.Distrust()).To(Succeed())
			next, err := source.GetCertificate(nil)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(next.Leaf.Equal(first.Leaf)).To(BeFalse())
		}).Should(Succeed())

		By("taking away the Secret and a caBundle")
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(stored), stored)).To(Succeed())
		Expect(k8s.Delete(ctx, stored)).To(Succeed())
		trusting := mutating(ctx)
		bare := trusting.DeepCopy()
		for i := range bare.Webhooks {
			bare.Webhooks[i].ClientConfig.CABundle = nil
		}
		Expect(k8s.Patch(ctx, bare, client.MergeFrom(trusting))).To(Succeed())
		after := secret()
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(after), after) }).Should(Succeed())
		Expect(after.Data).To(Equal(stored.Data))
		Eventually(ctx, func() []byte { return mutating(ctx).Webhooks[0].ClientConfig.CABundle }).Should(Equal(trusting.Webhooks[0].ClientConfig.CABundle))
	}, SpecTimeout(2*apiserver.Patience))
})

// makeCertificates starts what the webhook program runs for the provider self, until the test ends.
func makeCertificates(ctx context.Context) *certs.Source {
	GinkgoHelper()
	names := certs.Names{
		SelfSecret:        types.NamespacedName{Namespace: namespace, Name: secret().Name},
		CertManagerSecret: types.NamespacedName{Namespace: namespace, Name: "windlass-webhook-tls"},
		Mutating:          "windlass", Validating: "windlass", Service: "windlass-webhook",
	}
	own, marker := impersonated("webhook"), GinkgoT().TempDir()
	source := certs.NewSource(certs.ProviderSelf, names, marker, clock.RealClock{})
	provider := &certs.SelfSigned{
		Names: names, Source: source, Marker: marker,
		CAValidity: 10 * time.Hour, CertValidity: 5 * time.Hour, RotateBefore: time.Hour, CheckInterval: time.Hour,
		Recorder: events.NewFakeRecorder(100), Pod: &corev1.Pod{}, Clock: clock.RealClock{},
	}
	Expect(provider.Setup(own, program.Scheme())).To(Succeed())
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	watch := &certs.Watch{Config: own, Scheme: program.Scheme(), Source: source}
	ended := make(chan error, 2)
	for _, start := range []func(context.Context) error{watch.Start, provider.Start} {
		go func() { ended <- start(running) }()
	}
	DeferCleanup(func(ctx SpecContext) {
		stop()
		for range cap(ended) {
			Eventually(ended).Should(Receive(BeNil()))
		}
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, secret()))).To(Succeed())
	})
	return source
}
