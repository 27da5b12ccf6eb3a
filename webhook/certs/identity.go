// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	// caCertKey and caKeyKey are where a Secret holds the CA: its certificate, with both providers, and its key, with
	// the provider self alone.
	caCertKey = "ca.crt"
	caKeyKey  = "ca.key"
)

// identity is what one version of a Secret lets the webhook serve with. It never changes.
type identity struct {
	// provider names whose Secret it came from.
	provider string
	// pair holds the serving certificate, those below its CA, and the key.
	pair tls.Certificate
	// chain is the certificates of pair, the serving one first.
	chain []*x509.Certificate
	// ca signed it, at the top of the chain. nil if the Secret does not tell.
	ca *x509.Certificate
	// caKey is the CA's key. nil if the Secret does not hold it.
	caKey crypto.Signer
}

// read is what the Secret of a provider holds. It fails when that is not to be used: our CA cross-signs what
// cert-manager made, so nobody else's will do.
func (n Names) read(provider string, secret *corev1.Secret) (*identity, error) {
	filledFor := secret.Annotations[cmapi.CertificateNameKey]
	if provider == ProviderCertManager && filledFor != n.Certificate {
		return nil, fmt.Errorf("annotation %s of Secret %s/%s is %q, and must be %q: it was not filled by cert-manager for "+
			"our Certificate; delete the Secret, and cert-manager fills it",
			cmapi.CertificateNameKey, secret.Namespace, secret.Name, filledFor, n.Certificate)
	}
	return parseIdentity(provider, secret)
}

// parseIdentity reads a Secret. It fails when certificate and key are not to be used; a CA that is not to be used is
// left out.
func parseIdentity(provider string, secret *corev1.Secret) (*identity, error) {
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("%s and %s of Secret %s/%s: %w", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, secret.Namespace, secret.Name, err)
	}
	parsed := &identity{provider: provider, pair: pair}
	for _, der := range pair.Certificate {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s of Secret %s/%s: %w", corev1.TLSCertKey, secret.Namespace, secret.Name, err)
		}
		parsed.chain = append(parsed.chain, certificate)
	}
	if parsed.ca, err = firstCertificate(secret.Data[caCertKey]); err != nil {
		return parsed, nil
	}
	if authority, err := tls.X509KeyPair(secret.Data[caCertKey], secret.Data[caKeyKey]); err == nil {
		parsed.caKey, _ = authority.PrivateKey.(crypto.Signer)
	}
	return parsed, nil
}

func firstCertificate(pemBytes []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(pemBytes)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}

// same reports whether both hold the same certificates.
func (i *identity) same(other *identity) bool {
	return i.pair.Leaf.Equal(other.pair.Leaf) && i.sameCA(other)
}

func (i *identity) sameCA(other *identity) bool {
	if i.ca == nil || other.ca == nil {
		return i.ca == other.ca
	}
	return i.ca.Equal(other.ca)
}

// isOf reports whether its CA is the first of a bundle.
func (i *identity) isOf(bundle []byte) bool {
	ca, err := firstCertificate(bundle)
	return err == nil && i.ca != nil && i.ca.Equal(ca)
}
