// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/certs"
)

var _ = Describe("A webhook that makes its certificates itself", func() {
	It("is ready soon after its Secret was never there, was emptied, or was deleted with the CA", func(ctx SpecContext) {
		own := installed(ctx, "own")
		secret := &corev1.Secret{}
		source := makingItself(ctx, own)
		Eventually(ctx, source.Distrust).Should(Succeed())
		first, err := source.GetCertificate(nil)
		Expect(err).NotTo(HaveOccurred())

		By("making another CA")
		Expect(k8s.Get(ctx, own.SelfSecret, secret)).To(Succeed())
		secret.Data = nil
		Expect(k8s.Update(ctx, secret)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(source.Distrust()).To(Succeed())
			next, err := source.GetCertificate(nil)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(next.Leaf.Equal(first.Leaf)).To(BeFalse())
		}).Should(Succeed())

		By("taking away the Secret and every caBundle")
		before := &corev1.Secret{}
		Expect(k8s.Get(ctx, own.SelfSecret, before)).To(Succeed())
		Expect(k8s.Delete(ctx, before)).To(Succeed())
		mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: own.Mutating}, mutating)).To(Succeed())
		trusting := mutating.DeepCopy()
		for i := range mutating.Webhooks {
			mutating.Webhooks[i].ClientConfig.CABundle = nil
		}
		Expect(k8s.Patch(ctx, mutating, client.MergeFrom(trusting))).To(Succeed())

		after := &corev1.Secret{}
		Eventually(ctx, func() error { return k8s.Get(ctx, own.SelfSecret, after) }).Should(Succeed())
		Expect(after.Data).To(Equal(before.Data))
		Eventually(ctx, source.Distrust).Should(Succeed())
	}, SpecTimeout(2*time.Minute))
})

// installed makes the two configurations of a release, and no Secret.
func installed(ctx context.Context, name string) certs.Names {
	GinkgoHelper()
	mutating, validating := configurations()
	mutating.Name, validating.Name = name, name
	for _, object := range []client.Object{mutating, validating} {
		object.SetAnnotations(nil)
		Expect(k8s.Create(ctx, object)).To(Succeed())
	}
	return certs.Names{
		SelfSecret:        types.NamespacedName{Namespace: "default", Name: name},
		CertManagerSecret: types.NamespacedName{Namespace: "default", Name: "of-nobody"},
		Mutating:          name, Validating: name, Service: "windlass-webhook",
	}
}

// makingItself starts what the webhook program runs for the provider self.
func makingItself(ctx context.Context, own certs.Names) *certs.Source {
	GinkgoHelper()
	marker := GinkgoT().TempDir()
	source := certs.NewSource(certs.ProviderSelf, own, marker, clock.RealClock{})
	provider := &certs.SelfSigned{
		Names: own, Source: source, Marker: marker,
		CAValidity: 10 * time.Hour, CertValidity: 5 * time.Hour, RotateBefore: time.Hour, CheckInterval: time.Hour,
		Recorder: events.NewFakeRecorder(100), Pod: &corev1.Pod{}, Clock: clock.RealClock{},
	}
	Expect(provider.Setup(config, program.Scheme())).To(Succeed())
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(stop)
	for _, start := range []func(context.Context) error{(&certs.Watch{Config: config, Scheme: program.Scheme(), Source: source}).Start, provider.Start} {
		go func() {
			defer GinkgoRecover()
			Expect(start(running)).To(Succeed())
		}()
	}
	return source
}
