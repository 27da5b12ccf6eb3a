// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestACrossSignedCertificateAllowsNoMoreThanItMust looks at what goes to everybody who connects.
func TestACrossSignedCertificateAllowsNoMoreThanItMust(t *testing.T) {
	type grant struct {
		NotBefore, NotAfter time.Duration // since the start
		Usage               []x509.ExtKeyUsage
		MaxPathLen          int
		MaxPathLenZero      bool
		Permitted, Excluded []string
	}
	serving := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for name, test := range map[string]struct {
		whom func(*x509.Certificate)
		now  time.Duration // since the start
		want grant
	}{
		"an hour, and serving alone":        {func(*x509.Certificate) {}, 10 * time.Hour, grant{9 * time.Hour, 11 * time.Hour, serving, -1, false, nil, nil}},
		"nothing before both CAs began":     {func(*x509.Certificate) {}, -30 * time.Minute, grant{-time.Hour, 30 * time.Minute, serving, -1, false, nil, nil}},
		"nothing after the certificate":     {func(*x509.Certificate) {}, 99*time.Hour + 30*time.Minute, grant{98*time.Hour + 30*time.Minute, 100 * time.Hour, serving, -1, false, nil, nil}},
		"nothing after the CA that is told": {func(c *x509.Certificate) { c.NotAfter = start.Add(time.Minute) }, 0, grant{-time.Hour, time.Minute, serving, -1, false, nil, nil}},
		"no CAs below where there are none": {func(c *x509.Certificate) { c.MaxPathLenZero = true }, 0, grant{-time.Hour, time.Hour, serving, 0, true, nil, nil}},
		"no more CAs below":                 {func(c *x509.Certificate) { c.MaxPathLen = 2 }, 0, grant{-time.Hour, time.Hour, serving, 2, false, nil, nil}},
		"no other names": {func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.PermittedDNSDomains, c.ExcludedDNSDomains = true, []string{"ns.svc"}, []string{"api.ns.svc"}
		}, 0, grant{-time.Hour, time.Hour, serving, -1, false, []string{"ns.svc"}, []string{"api.ns.svc"}}},
	} {
		t.Run(name, func(t *testing.T) {
			by := parsed(t, ProviderSelf, newAuthority(t).secret(t, 1))
			whom := parsed(t, ProviderCertManager, newAuthorityLike(t, test.whom).managedSecret(t, 101))
			crossSigned, err := crossSign(by, whom, start.Add(test.now))
			if err != nil {
				t.Fatal(err)
			}
			got := grant{
				crossSigned.NotBefore.Sub(start), crossSigned.NotAfter.Sub(start), crossSigned.ExtKeyUsage,
				crossSigned.MaxPathLen, crossSigned.MaxPathLenZero, crossSigned.PermittedDNSDomains, crossSigned.ExcludedDNSDomains,
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what it allows (-want +got):\n%s", diff)
			}
		})
	}
}

// TestACrossSignedCertificateIsRenewedForAsLongAsItIsNeeded: it must neither end while API servers need it nor be made
// again at every check.
func TestACrossSignedCertificateIsRenewedForAsLongAsItIsNeeded(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	s, clock := newTestSource(t, ProviderSelf)
	s.configurationChanged(mutatingWith(a.pem, true))
	s.secretChanged(ProviderSelf, a.secret(t, 1))
	s.secretChanged(ProviderCertManager, b.managedSecret(t, 101))
	serials := map[string]bool{}
	for clock.Now().Before(start.Add(3 * time.Hour)) {
		if err := ask(s, a.pem); err != nil {
			t.Fatalf("%s after the start, who trusts the old CA: %v", clock.Now().Sub(start), err)
		}
		for _, crossSigned := range s.current.Load().serve.Certificate[1:] {
			certificate, err := x509.ParseCertificate(crossSigned)
			if err != nil {
				t.Fatal(err)
			}
			if left := certificate.NotAfter.Sub(clock.Now()); left > time.Hour || left < 29*time.Minute {
				t.Fatalf("%s after the start, the cross-signed certificate has %s left", clock.Now().Sub(start), left)
			}
			serials[certificate.SerialNumber.String()] = true
		}
		clock.Step(10 * time.Second)
		s.refresh()
	}
	if got := len(serials); got < 4 || got > 7 {
		t.Errorf("%d cross-signed certificates in 3 hours, want about one every half an hour", got)
	}
}

// TestForWhomACACrossSigns: for who may serve our host already, were it trusted.
func TestForWhomACACrossSigns(t *testing.T) {
	a, b, c := newAuthority(t), newAuthority(t), newAuthority(t)
	toldCA := func(told []byte) *corev1.Secret {
		secret := b.managedSecret(t, 101)
		secret.Data[caCertKey] = told
		return secret
	}
	noCA := newAuthorityLike(t, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
	elsewhere := newAuthorityLike(t, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"elsewhere.svc"} })
	for name, test := range map[string]struct {
		by, whom *corev1.Secret
		host     string
		now      time.Time
		want     bool
	}{
		"for the CA of a good certificate":        {a.secret(t, 1), b.managedSecret(t, 101), host, start, true},
		"not without its key":                     {a.managedSecret(t, 102), b.managedSecret(t, 101), host, start, false},
		"not for itself":                          {a.secret(t, 1), a.managedSecret(t, 101), host, start, false},
		"not for a CA that is not told":           {a.secret(t, 1), toldCA(nil), host, start, false},
		"not for a CA that did not sign it":       {a.secret(t, 1), toldCA(c.pem), host, start, false},
		"not for a certificate that is no CA":     {a.secret(t, 1), noCA.managedSecret(t, 101), host, start, false},
		"not for a certificate that tells itself": {a.secret(t, 1), selfTold(b.managedSecret(t, 101)), host, start, false},
		"not for a CA that may not sign our name": {a.secret(t, 1), elsewhere.managedSecret(t, 101), host, start, false},
		"not for the certificate of another host": {a.secret(t, 1), b.managedSecret(t, 101), "api.ns.svc", start, false},
		"not for a certificate that has ended":    {a.secret(t, 1), b.managedSecret(t, 101), host, start.Add(101 * time.Hour), false},
		"not for a certificate that is to begin":  {a.secret(t, 1), b.managedSecret(t, 101), host, start.Add(-2 * time.Hour), false},
	} {
		t.Run(name, func(t *testing.T) {
			by, whom := parsed(t, ProviderSelf, test.by), parsed(t, ProviderCertManager, test.whom)
			if got := canCrossSign(by, whom, test.host, test.now); got != test.want {
				t.Errorf("cross-signs: %t, want %t", got, test.want)
			}
		})
	}
}

// selfTold is a Secret that tells the serving certificate as its own CA.
func selfTold(secret *corev1.Secret) *corev1.Secret {
	secret.Data[caCertKey] = secret.Data[corev1.TLSCertKey]
	return secret
}
