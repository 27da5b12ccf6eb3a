// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"crypto/x509"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/certs"
)

var names = certs.Names{
	SelfSecret:        types.NamespacedName{Namespace: "default", Name: "windlass-webhook-self-cert"},
	CertManagerSecret: types.NamespacedName{Namespace: "default", Name: "windlass-webhook-tls"},
	Certificate:       "windlass-webhook",
	Mutating:          "windlass", Validating: "windlass", Service: "windlass-webhook",
}

var _ = Describe("A webhook that waits for cert-manager", func() {
	It("says at every step what is missing, and is ready in the end", func(ctx SpecContext) {
		source, provider, told := waiting(ctx)
		says := func(what string) {
			GinkgoHelper()
			Eventually(ctx, func() string {
				provider.Clock.(*clocktesting.FakeClock).Step(time.Minute)
				return provider.Why()
			}).Should(ContainSubstring(what))
			Expect(source.Check()).NotTo(Succeed())
			Eventually(ctx, told).Should(Receive(ContainSubstring(what)), "an event on its Pod")
		}

		says("the API server knows no Certificates of cert-manager.io: install cert-manager")
		installCertManager(ctx)
		says("Certificate default/windlass-webhook does not exist: install the chart again")
		certificate := newCertificate(ctx)
		says("cert-manager has not looked at Certificate default/windlass-webhook yet")
		tell(ctx, certificate, cmmeta.ConditionFalse, "DoesNotExist", "Issuing certificate as Secret does not exist")
		says("is not ready: DoesNotExist: Issuing certificate as Secret does not exist")
		failRequest(ctx, certificate)
		says("CertificateRequest windlass-webhook-1: Failed: the issuer has run out of ink")
		tell(ctx, certificate, cmmeta.ConditionTrue, "Ready", "Certificate is up to date and has not expired")
		says("Certificate default/windlass-webhook is ready, but there is no usable certificate in its Secret windlass-webhook-tls")
		ca := issue(ctx)
		mutating, validating := configurations()
		Expect(k8s.Create(ctx, mutating)).To(Succeed())
		Expect(k8s.Create(ctx, validating)).To(Succeed())
		says("cert-manager's cainjector has not put the CA of Certificate default/windlass-webhook into the webhook configurations")

		mutating.Webhooks[0].ClientConfig.CABundle = ca
		Expect(k8s.Update(ctx, mutating)).To(Succeed())
		Consistently(ctx, source.Check).WithTimeout(time.Second).ShouldNot(Succeed(), "the other configuration trusts nobody yet")
		validating.Webhooks[0].ClientConfig.CABundle = ca
		Expect(k8s.Update(ctx, validating)).To(Succeed())
		Eventually(ctx, source.Check).Should(Succeed())
		Eventually(ctx, func() string {
			provider.Clock.(*clocktesting.FakeClock).Step(time.Minute)
			return provider.Why()
		}).Should(BeEmpty())

		By("keeping the certificate when its Secret is deleted")
		served, err := source.GetCertificate(nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(k8s.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: names.CertManagerSecret.Name}})).To(Succeed())
		Eventually(ctx, func() bool { held, _ := source.Holds(certs.ProviderCertManager); return held }).Should(BeFalse())
		still, err := source.GetCertificate(nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(still.Leaf.Equal(served.Leaf)).To(BeTrue())
	}, SpecTimeout(2*time.Minute))
})

// waiting starts what the webhook program runs for cert-manager. The notes of its events arrive in the channel.
func waiting(ctx context.Context) (*certs.Source, *certs.CertManager, <-chan string) {
	GinkgoHelper()
	live, err := certs.CertManagerReader(config)
	Expect(err).NotTo(HaveOccurred())
	recorder := events.NewFakeRecorder(100)
	source := certs.NewSource(certs.ProviderCertManager, names, "", clock.RealClock{})
	provider := &certs.CertManager{
		Live: live, Certificate: types.NamespacedName{Namespace: "default", Name: "windlass-webhook"}, Source: source,
		Recorder: recorder, Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "webhook"}},
		Clock: clocktesting.NewFakeClock(time.Now()),
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(stop)
	for _, start := range []func(context.Context) error{(&certs.Watch{Config: config, Scheme: program.Scheme(), Source: source}).Start, provider.Start} {
		go func() {
			defer GinkgoRecover()
			Expect(start(running)).To(Succeed())
		}()
	}
	return source, provider, recorder.Events
}

func newCertificate(ctx context.Context) *cmapi.Certificate {
	GinkgoHelper()
	certificate := &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "windlass-webhook"},
		Spec: cmapi.CertificateSpec{
			SecretName: names.CertManagerSecret.Name, DNSNames: []string{"windlass-webhook.default.svc"},
			IssuerRef: cmmeta.IssuerReference{Name: "windlass-webhook-ca", Kind: "Issuer", Group: "cert-manager.io"},
		},
	}
	Expect(k8s.Create(ctx, certificate)).To(Succeed())
	return certificate
}

// tell writes what cert-manager says about a Certificate.
func tell(ctx context.Context, certificate *cmapi.Certificate, status cmmeta.ConditionStatus, reason, message string) {
	GinkgoHelper()
	apiutil.SetCertificateCondition(certificate, certificate.Generation, cmapi.CertificateConditionReady, status, reason, message)
	Expect(k8s.Status().Update(ctx, certificate)).To(Succeed())
}

// failRequest writes what cert-manager says when an issuer fails.
func failRequest(ctx context.Context, certificate *cmapi.Certificate) {
	GinkgoHelper()
	request := &cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "windlass-webhook-1",
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(certificate, cmapi.SchemeGroupVersion.WithKind("Certificate"))},
		},
		Spec: cmapi.CertificateRequestSpec{Request: []byte("a request"), IssuerRef: certificate.Spec.IssuerRef},
	}
	Expect(k8s.Create(ctx, request)).To(Succeed())
	apiutil.SetCertificateRequestCondition(request, cmapi.CertificateRequestConditionReady, cmmeta.ConditionFalse,
		cmapi.CertificateRequestReasonFailed, "the issuer has run out of ink")
	Expect(k8s.Status().Update(ctx, request)).To(Succeed())
}

// issue fills the Secret as cert-manager does, and returns the CA.
func issue(ctx context.Context) []byte {
	GinkgoHelper()
	maker := &rotator.CertRotator{
		CAName: "ca", DNSName: "windlass-webhook.default.svc", ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	begin, end := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca, err := maker.CreateCACert(begin, end)
	Expect(err).NotTo(HaveOccurred())
	certificate, key, err := maker.CreateCertPEM(ca, begin, end)
	Expect(err).NotTo(HaveOccurred())
	Expect(k8s.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: names.CertManagerSecret.Name,
			Annotations: map[string]string{cmapi.CertificateNameKey: names.Certificate},
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key, cmmeta.TLSCAKey: ca.CertPEM},
	})).To(Succeed())
	return ca.CertPEM
}

// configurations are ours, before anybody has put a CA there. They are asked about nothing.
func configurations() (*admissionregistrationv1.MutatingWebhookConfiguration, *admissionregistrationv1.ValidatingWebhookConfiguration) {
	meta := metav1.ObjectMeta{Name: "windlass", Annotations: map[string]string{cmapi.WantInjectAnnotation: "default/windlass-webhook"}}
	service := admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "default", Name: "windlass-webhook"}}
	none := ptr.To(admissionregistrationv1.SideEffectClassNone)
	return &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: meta, Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "pods.windlass.test", ClientConfig: service, SideEffects: none, AdmissionReviewVersions: []string{"v1"}}}},
		&admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: meta, Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "sets.windlass.test", ClientConfig: service, SideEffects: none, AdmissionReviewVersions: []string{"v1"}}}}
}
