// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"errors"
	"fmt"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
)

// Seen is what somebody sees of the certificates who is not the webhook.
type Seen struct {
	Names Names
	// Provider is who makes them.
	Provider string
	// Secret is the provider's; nil when there is none.
	Secret *corev1.Secret
	// Mutating and Validating are the webhook configurations; nil when there is none.
	Mutating   *admissionregistrationv1.MutatingWebhookConfiguration
	Validating *admissionregistrationv1.ValidatingWebhookConfiguration
	// Certificate is that of cert-manager; nil when it could not be read, and CertificateErr says why. Requests are the
	// CertificateRequests of its namespace. They are asked for with the provider cert-manager alone.
	Certificate    *cmapi.Certificate
	CertificateErr error
	Requests       []cmapi.CertificateRequest
}

// Examine returns until when the certificate of the Secret is valid, and what keeps API servers from trusting it: nil
// when nothing does. Configurations that are not there are passed over.
func (s *Seen) Examine(now time.Time) (until time.Time, err error) {
	found, err := s.identity()
	if found != nil {
		until = found.chain[0].NotAfter
		err = s.distrust(found, now)
	}
	if err == nil || s.Provider != ProviderCertManager {
		return until, err
	}
	why := diagnose(findings{
		name: s.Names.certManagerCertificate(), certificate: s.Certificate, err: s.CertificateErr, requests: s.Requests,
		hasCertificate: found != nil, hasCA: found != nil && found.ca != nil,
	})
	return until, fmt.Errorf("%s: %w", why, err)
}

// identity is what the Secret lets the webhook serve with.
func (s *Seen) identity() (*identity, error) {
	name := s.Names.Secret(s.Provider)
	switch {
	case s.Secret == nil:
		return nil, fmt.Errorf("there is no Secret %s", name)
	case len(s.Secret.Data[corev1.TLSCertKey]) == 0:
		return nil, fmt.Errorf("Secret %s is empty", name)
	}
	return s.Names.read(s.Provider, s.Secret)
}

// distrust says how many webhooks do not trust a certificate, and why the first of them does not.
func (s *Seen) distrust(found *identity, now time.Time) error {
	webhooks, host := s.webhooks(), s.Names.host()
	for i := range webhooks {
		if err := webhooks[i].trusts(found.chain, host, now); err != nil {
			return fmt.Errorf("API servers trust the certificate in Secret %s for %d of %d webhooks: %w",
				s.Names.Secret(s.Provider), trustedBy(webhooks, found.chain, host, now), len(webhooks), err)
		}
	}
	return nil
}

func (s *Seen) webhooks() []webhookTrust {
	var out []webhookTrust
	if s.Mutating != nil {
		out = append(out, readMutating(s.Mutating).webhooks...)
	}
	if s.Validating != nil {
		out = append(out, readValidating(s.Validating).webhooks...)
	}
	return out
}

// CheckBundle says why nobody could be trusted by a caBundle; nil when somebody could.
func CheckBundle(bundle []byte, now time.Time) error {
	if len(bundle) == 0 {
		return errors.New("it is empty, so the API server trusts nobody")
	}
	certificates, err := cert.ParseCertsPEM(bundle)
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	for _, certificate := range certificates {
		if now.Before(certificate.NotAfter) {
			return nil
		}
	}
	return fmt.Errorf("it ended at %s", certificates[0].NotAfter.Format(time.RFC3339))
}
