// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// signer is what signs certificates: a key, and the certificate that it belongs to.
type signer struct {
	certificate *x509.Certificate
	pem         []byte
	key         crypto.Signer
}

// serve fills the Secret of a Certificate unless it is full, and says so in its status.
func (m *CertManager) serve(ctx context.Context, certificate *cmapi.Certificate) error {
	ready := apiutil.GetCertificateCondition(certificate, cmapi.CertificateConditionReady)
	if ready != nil && ready.Status == cmmeta.ConditionTrue {
		return nil
	}
	if refusal := m.refused(); refusal != "" {
		return m.tell(ctx, certificate, cmmeta.ConditionFalse, "DoesNotExist", refusal)
	}
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: certificate.Namespace, Name: certificate.Spec.SecretName}
	err := m.cluster.Client.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		err = m.issue(ctx, certificate)
	}
	if err != nil {
		return err
	}
	return m.tell(ctx, certificate, cmmeta.ConditionTrue, "Ready", "Certificate is up to date and has not expired")
}

func (m *CertManager) tell(ctx context.Context, certificate *cmapi.Certificate, status cmmeta.ConditionStatus, reason, message string) error {
	apiutil.SetCertificateCondition(certificate, certificate.Generation, cmapi.CertificateConditionReady, status, reason, message)
	if err := m.cluster.Client.Status().Update(ctx, certificate); err != nil {
		return fmt.Errorf("tell in its status: %w", err)
	}
	return nil
}

// issue makes a key, has it signed, and keeps both in the Secret.
func (m *CertManager) issue(ctx context.Context, certificate *cmapi.Certificate) error {
	key, err := pki.GeneratePrivateKeyForCertificate(certificate)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	template, err := pki.CertificateTemplateFromCertificate(certificate)
	if err != nil {
		return fmt.Errorf("make a template: %w", err)
	}
	by, err := m.signerOf(ctx, certificate)
	if err != nil {
		return err
	}
	if by == nil {
		by = &signer{certificate: template, key: key}
	}
	signed, _, err := pki.SignCertificate(template, by.certificate, key.Public(), by.key)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	keyPEM, err := pki.EncodePrivateKey(key, cmapi.PKCS1)
	if err != nil {
		return fmt.Errorf("encode the key: %w", err)
	}
	ca := by.pem
	if ca == nil {
		ca = signed
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: certificate.Namespace, Name: certificate.Spec.SecretName,
			Annotations: map[string]string{cmapi.CertificateNameKey: certificate.Name},
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: signed, corev1.TLSPrivateKeyKey: keyPEM, cmmeta.TLSCAKey: ca},
	}
	if err := m.cluster.Client.Create(ctx, secret); err != nil {
		return fmt.Errorf("keep it in Secret %s: %w", secret.Name, err)
	}
	return nil
}

// signerOf is who signs for the issuer of a Certificate; nil when certificates sign themselves.
func (m *CertManager) signerOf(ctx context.Context, certificate *cmapi.Certificate) (*signer, error) {
	issuer := &cmapi.Issuer{}
	key := client.ObjectKey{Namespace: certificate.Namespace, Name: certificate.Spec.IssuerRef.Name}
	if err := m.cluster.Client.Get(ctx, key, issuer); err != nil {
		return nil, fmt.Errorf("read its issuer: %w", err)
	}
	if issuer.Spec.CA == nil {
		return nil, nil
	}
	secret := &corev1.Secret{}
	key.Name = issuer.Spec.CA.SecretName
	if err := m.cluster.Client.Get(ctx, key, secret); err != nil {
		return nil, fmt.Errorf("read the CA of issuer %s: %w", issuer.Name, err)
	}
	ca, err := pki.DecodeX509CertificateBytes(secret.Data[corev1.TLSCertKey])
	if err != nil {
		return nil, fmt.Errorf("read the CA of issuer %s: %w", issuer.Name, err)
	}
	caKey, err := pki.DecodePrivateKeyBytes(secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("read the CA of issuer %s: %w", issuer.Name, err)
	}
	return &signer{certificate: ca, pem: secret.Data[corev1.TLSCertKey], key: caKey}, nil
}
