// SPDX-License-Identifier: Apache-2.0

// Package integration has a real API server call the port, with a client certificate as its administrator configures
// it.
package integration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/webhook/serve"
)

// patience is how long it may take until the port is open, or the API server has heard of a configuration.
const patience = 20 * time.Second

var (
	k8s client.Client
	// ofAPIServer signs the certificate that the API server shows, ofNobody none.
	ofAPIServer, ofNobody *authority
)

func TestClients(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The port, called by a real API server")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(patience)
	EnforceDefaultTimeoutsWhenUsingContexts()
	ofAPIServer, ofNobody = newAuthority(), newAuthority()
	k8s = apiserver.Start(func(cluster *envtest.Environment) {
		cluster.CRDDirectoryPaths = nil
		cluster.ControlPlane.GetAPIServer().Configure().Append("admission-control-config-file", admissionConfiguration(ofAPIServer))
	}).Client
})

var _ = Describe("A port that demands client certificates", func() {
	It("is called by an API server that shows one", func(ctx SpecContext) {
		called := reviewing(ctx, ofAPIServer)
		Eventually(ctx, called).Should(MatchError(ContainSubstring("the webhook has seen it")))
	}, SpecTimeout(time.Minute))

	It("tells an API server whose certificate it does not trust, and who was refused by it", func(ctx SpecContext) {
		called := reviewing(ctx, ofNobody)
		Eventually(ctx, called).Should(MatchError(ContainSubstring(
			`windlass: the client certificate of "kube-apiserver" is not trusted (webhook.clientCA)`)))
	}, SpecTimeout(time.Minute))
})

// reviewing has the API server ask a port, which trusts clients of an authority, about ConfigMaps of a label; all are
// denied. It returns what creates one.
func reviewing(ctx context.Context, trusted *authority) (create func() error) {
	GinkgoHelper()
	serving := newAuthority()
	certificate := serving.issue("localhost", x509.ExtKeyUsageServerAuth)
	clients, err := serve.NewClients(write("ca.crt", trusted.pem), []string{"kube-apiserver"})
	Expect(err).NotTo(HaveOccurred())
	port := freePort()
	server := serve.New(serve.Options{
		Port: port, Clients: clients, Limits: serve.LimitsFor(0),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil },
	})
	server.Register("/review", &webhook.Admission{Handler: admission.HandlerFunc(func(context.Context, admission.Request) admission.Response {
		return admission.Denied("the webhook has seen it")
	})})
	DeferCleanup(apiserver.Run(server, nil))
	name := fmt.Sprint("review-", port)
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name}}
	configuration.Webhooks = []admissionregistrationv1.ValidatingWebhook{{
		Name: "review.windlass.test", AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone),
		ClientConfig:   admissionregistrationv1.WebhookClientConfig{URL: ptr.To(fmt.Sprintf("https://localhost:%d/review", port)), CABundle: serving.pem},
		ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"review": name}},
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
		}},
	}}
	Expect(k8s.Create(ctx, configuration)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, configuration)).To(Succeed()) })
	return func() error {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: name + "-", Labels: map[string]string{"review": name}}}
		return k8s.Create(ctx, object, client.DryRunAll)
	}
}

func freePort() int {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// admissionConfiguration is the file that has an API server show a certificate to every webhook.
func admissionConfiguration(a *authority) string {
	GinkgoHelper()
	certificate := a.issue("kube-apiserver", x509.ExtKeyUsageClientAuth)
	key, err := x509.MarshalECPrivateKey(certificate.PrivateKey.(*ecdsa.PrivateKey))
	Expect(err).NotTo(HaveOccurred())
	inline := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	kubeconfig := write("webhooks.kubeconfig", fmt.Appendf(nil, `{apiVersion: v1, kind: Config, users: [{name: "*", user: {client-certificate-data: %s, client-key-data: %s}}]}`,
		inline("CERTIFICATE", certificate.Certificate[0]), inline("EC PRIVATE KEY", key)))
	return write("admission.yaml", fmt.Appendf(nil, `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ValidatingAdmissionWebhook
  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: %s}
`, kubeconfig))
}

func write(name string, text []byte) string {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), name)
	Expect(os.WriteFile(path, text, 0o600)).To(Succeed())
	return path
}

// authority is a CA of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority() *authority {
	GinkgoHelper()
	a := &authority{}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	Expect(err).NotTo(HaveOccurred())
	a.certificate, err = x509.ParseCertificate(der)
	Expect(err).NotTo(HaveOccurred())
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func (a *authority) issue(name string, usage x509.ExtKeyUsage) tls.Certificate {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}, a.certificate, key.Public(), a.key)
	Expect(err).NotTo(HaveOccurred())
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
