// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"k8s.io/apimachinery/pkg/types"
)

// The providers of certificates, as --cert-provider names them.
const (
	// ProviderSelf is the webhook itself.
	ProviderSelf = "self"
	// ProviderCertManager is cert-manager.
	ProviderCertManager = "cert-manager"
)

// Names are the objects that certificates are kept in.
type Names struct {
	// SelfSecret and CertManagerSecret are the Secrets of the two providers. They must differ, and be in the same
	// namespace.
	SelfSecret, CertManagerSecret types.NamespacedName
	// Certificate is the one, in the Secrets' namespace, that cert-manager fills CertManagerSecret for. What is filled
	// for another is not used.
	Certificate string
	// Mutating and Validating are the webhook configurations.
	Mutating, Validating string
	// Service is the one that API servers call, in the Secrets' namespace.
	Service string
}

// Secret is where a provider keeps its certificate.
func (n Names) Secret(provider string) types.NamespacedName {
	if provider == ProviderCertManager {
		return n.CertManagerSecret
	}
	return n.SelfSecret
}

// host is the name that API servers ask for.
func (n Names) host() string {
	return n.Service + "." + n.SelfSecret.Namespace + ".svc"
}

// certManagerCertificate is the Certificate that cert-manager fills its Secret for.
func (n Names) certManagerCertificate() types.NamespacedName {
	return types.NamespacedName{Namespace: n.CertManagerSecret.Namespace, Name: n.Certificate}
}
