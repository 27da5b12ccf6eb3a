// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/x509"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestExamine(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	ready := condition(cmapi.CertificateConditionReady, cmmeta.ConditionTrue, "Ready", "all is well")
	const unknownAuthority = `x509: certificate signed by unknown authority`
	for name, test := range map[string]struct {
		change func(*Seen)
		after  time.Duration
		want   string
	}{
		"all is well":      {change: func(*Seen) {}},
		"no configuration": {change: func(s *Seen) { s.Mutating, s.Validating = nil, nil }},
		"no Secret":        {change: func(s *Seen) { s.Secret = nil }, want: "there is no Secret ns/self"},
		"an empty Secret":  {change: func(s *Seen) { s.Secret = &corev1.Secret{} }, want: "Secret ns/self is empty"},
		"no caBundle": {
			change: func(s *Seen) { s.Mutating.Webhooks[0].ClientConfig.CABundle = nil },
			want:   "API servers trust the certificate in Secret ns/self for 1 of 2 webhooks: webhook pods.test has no caBundle yet",
		},
		"the CA of somebody else": {
			change: func(s *Seen) {
				s.Mutating, s.Validating = mutatingWith(other.pem, false), validatingWith(other.pem, false)
			},
			want: "API servers trust the certificate in Secret ns/self for 0 of 2 webhooks: the caBundle of webhook pods.test does not trust the " +
				"certificate: " + unknownAuthority,
		},
		"a certificate that has ended": {
			change: func(*Seen) {}, after: 201 * time.Hour,
			want: "API servers trust the certificate in Secret ns/self for 0 of 2 webhooks: the caBundle of webhook pods.test does not trust the " +
				"certificate: x509: certificate has expired or is not yet valid: current time 2030-01-09T09:00:00Z is after 2030-01-09T08:00:00Z",
		},
		"cert-manager's, and all is well": {change: func(s *Seen) {
			s.Provider, s.Secret, s.Certificate = ProviderCertManager, ca.managedSecret(t, 2), certificateWith(ready)
		}},
		"cert-manager is not there": {
			change: func(s *Seen) {
				s.Provider, s.Secret = ProviderCertManager, nil
				s.CertificateErr = &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "cert-manager.io", Kind: "Certificate"}}
			},
			want: "the API server knows no Certificates of cert-manager.io: install cert-manager, or set the chart's value certificates.provider to self: " +
				"there is no Secret ns/managed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := &Seen{
				Names: testNames, Provider: ProviderSelf, Secret: ca.secret(t, 1),
				Mutating: mutatingWith(ca.pem, false), Validating: validatingWith(ca.pem, false),
			}
			test.change(seen)
			until, err := seen.Examine(start.Add(test.after))
			got := ""
			if err != nil {
				got = err.Error()
			}
			// What verifies may say more of an authority that it does not know.
			if want, said := test.want, got; len(said) > len(want) && want != "" {
				got = said[:len(want)]
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if test.want == "" && until.Before(start) {
				t.Errorf("valid until %s", until)
			}
		})
	}
}

func TestCheckBundle(t *testing.T) {
	ca := newAuthority(t)
	old := newAuthorityLike(t, func(c *x509.Certificate) { c.NotAfter = start.Add(-time.Minute) })
	for name, test := range map[string]struct {
		bundle []byte
		want   string
	}{
		"one CA":                  {ca.pem, ""},
		"a new one behind an old": {append(append([]byte{}, old.pem...), ca.pem...), ""},
		"none":                    {nil, "it is empty, so the API server trusts nobody"},
		"no PEM":                  {[]byte("authority"), "it cannot be read: data does not contain any valid RSA or ECDSA certificates"},
		"one that has ended":      {old.pem, "it ended at 2029-12-31T23:59:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := CheckBundle(test.bundle, start); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
