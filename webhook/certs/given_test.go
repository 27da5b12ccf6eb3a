// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

// host is the name that the tests' API servers call.
const host = "windlass-webhook.ns.svc"

var (
	testNames = Names{
		SelfSecret:        types.NamespacedName{Namespace: "ns", Name: "self"},
		CertManagerSecret: types.NamespacedName{Namespace: "ns", Name: "managed"},
		Certificate:       "windlass-webhook",
		Mutating:          "windlass", Validating: "windlass", Service: "windlass-webhook",
	}
	// start is when the tests begin.
	start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

// authority is a CA of a test.
type authority struct {
	certificate *x509.Certificate
	pem, keyPEM []byte
	key         *ecdsa.PrivateKey
}

// newAuthority makes a CA. All have the same subject, as those of the rotator do.
func newAuthority(t testing.TB) *authority {
	t.Helper()
	return newAuthorityLike(t, func(*x509.Certificate) {})
}

// newAuthorityLike makes a CA that differs from the others by what is set.
func newAuthorityLike(t testing.TB, set func(*x509.Certificate)) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0), Subject: pkix.Name{CommonName: "windlass-ca"},
		NotBefore: start.Add(-time.Hour), NotAfter: start.Add(1000 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	set(template)
	der := sign(t, template, template, key, key)
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate: certificate, pem: encode("CERTIFICATE", der), keyPEM: encodeKey(t, key), key: key}
}

// secret is one that the provider self keeps: with a new certificate of this serial number, good for 200 hours, and
// with the CA's key.
func (a *authority) secret(t testing.TB, serial int64) *corev1.Secret {
	t.Helper()
	secret := a.issue(t, serial, start.Add(-time.Hour), start.Add(200*time.Hour))
	secret.Data[caKeyKey] = a.keyPEM
	return secret
}

// managedSecret is one that cert-manager keeps: without the CA's key, and good for 100 hours.
func (a *authority) managedSecret(t testing.TB, serial int64) *corev1.Secret {
	t.Helper()
	return a.managedFrom(t, serial, start.Add(-time.Hour))
}

// managedFrom is such a Secret whose certificate begins at a time of its own.
func (a *authority) managedFrom(t testing.TB, serial int64, begin time.Time) *corev1.Secret {
	t.Helper()
	secret := a.issue(t, serial, begin, begin.Add(101*time.Hour))
	secret.Annotations = map[string]string{cmapi.CertificateNameKey: testNames.Certificate}
	return secret
}

func (a *authority) issue(t testing.TB, serial int64, begin, end time.Time) *corev1.Secret {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: begin, NotAfter: end, DNSNames: []string{host},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return &corev1.Secret{Data: map[string][]byte{
		corev1.TLSCertKey:       encode("CERTIFICATE", sign(t, template, a.certificate, key, a.key)),
		corev1.TLSPrivateKeyKey: encodeKey(t, key),
		caCertKey:               a.pem,
	}}
}

// parsed is what a Secret lets the webhook serve with.
func parsed(t testing.TB, provider string, secret *corev1.Secret) *identity {
	t.Helper()
	found, err := parseIdentity(provider, secret)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func encodeKey(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("EC PRIVATE KEY", der)
}

// mutatingWith carries this bundle; managed asks cert-manager to keep it.
func mutatingWith(bundle []byte, managed bool) *admissionregistrationv1.MutatingWebhookConfiguration {
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: windlassMeta(managed),
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "pods.test", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: bundle}}},
	}
}

func validatingWith(bundle []byte, managed bool) *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: windlassMeta(managed),
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "sets.test", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: bundle}}},
	}
}

func windlassMeta(managed bool) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Name: "windlass"}
	if managed {
		meta.Annotations = map[string]string{injectAnnotation: "ns/windlass-webhook"}
	}
	return meta
}

// newTestSource serves for a provider, at a time that the test sets.
func newTestSource(t testing.TB, provider string) (*Source, *clocktesting.FakeClock) {
	t.Helper()
	clock := clocktesting.NewFakeClock(start)
	return NewSource(provider, testNames, t.TempDir(), clock), clock
}

// serving is the serial number of what is served, and how many CAs cross-sign it. Both are -1 when nothing is.
func serving(s *Source) [2]int64 {
	c, err := s.GetCertificate(nil)
	if err != nil {
		return [2]int64{-1, -1}
	}
	return [2]int64{c.Leaf.SerialNumber.Int64(), int64(len(c.Certificate) - 1)}
}
