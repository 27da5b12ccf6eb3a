// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const webhookPort = 9443

// CertificateSecret names the Secret with the webhooks' serving certificate.
func (c *Cluster) CertificateSecret() client.ObjectKey {
	return client.ObjectKey{Namespace: c.Options.Namespace, Name: ReleaseName + "-webhook-self-cert"}
}

// WebhookService names the Service that API servers call.
func (c *Cluster) WebhookService() client.ObjectKey {
	return client.ObjectKey{Namespace: c.Options.Namespace, Name: ReleaseName + "-webhook"}
}

// WebhookConfigurations returns the release's two configurations.
func (c *Cluster) WebhookConfigurations(ctx context.Context) (*admissionregistrationv1.MutatingWebhookConfiguration, *admissionregistrationv1.ValidatingWebhookConfiguration, error) {
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	key := client.ObjectKey{Name: ReleaseName}
	if err := errors.Join(c.Client.Get(ctx, key, mutating), c.Client.Get(ctx, key, validating)); err != nil {
		return nil, nil, fmt.Errorf("read the webhook configurations: %w", err)
	}
	return mutating, validating, nil
}

// StoredCertificate returns the serving certificate that the Secret holds.
func (c *Cluster) StoredCertificate(ctx context.Context) (*x509.Certificate, error) {
	secret := &corev1.Secret{}
	if err := c.Client.Get(ctx, c.CertificateSecret(), secret); err != nil {
		return nil, fmt.Errorf("read the serving certificate: %w", err)
	}
	block, _ := pem.Decode(secret.Data[corev1.TLSCertKey])
	if block == nil {
		return nil, fmt.Errorf("Secret %s holds no certificate in %s", c.CertificateSecret(), corev1.TLSCertKey)
	}
	return x509.ParseCertificate(block.Bytes)
}

// ServedCertificate returns the certificate that a webhook Pod serves. It fails unless the API server would trust it:
// the CA is that of the webhook configuration, and the name that of the Service.
func (c *Cluster) ServedCertificate(ctx context.Context, pod string) (*x509.Certificate, error) {
	trust, err := c.webhookTrust(ctx)
	if err != nil {
		return nil, err
	}
	address, stop, err := c.Forward(ctx, c.Options.Namespace, pod, webhookPort)
	if err != nil {
		return nil, err
	}
	defer stop()
	dialer := &tls.Dialer{Config: trust}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("TLS with webhook Pod %s as the API server does it: %w", pod, err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// Answer is what a webhook Pod answered to an HTTP request.
type Answer struct {
	Status int
	Body   []byte
}

// PostToWebhook sends a body to a path of a webhook Pod, as JSON, past the API server's own checks.
func (c *Cluster) PostToWebhook(ctx context.Context, pod, path string, body []byte) (*Answer, error) {
	trust, err := c.webhookTrust(ctx)
	if err != nil {
		return nil, err
	}
	address, stop, err := c.Forward(ctx, c.Options.Namespace, pod, webhookPort)
	if err != nil {
		return nil, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, fmt.Errorf("post %d bytes to %s of webhook Pod %s: %w", len(body), path, pod, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of webhook Pod %s: %w", pod, err)
	}
	return &Answer{Status: response.StatusCode, Body: answer}, nil
}

// webhookTrust is how the API server judges the webhooks' certificate.
func (c *Cluster) webhookTrust(ctx context.Context) (*tls.Config, error) {
	mutating, _, err := c.WebhookConfigurations(ctx)
	if err != nil {
		return nil, err
	}
	service := mutating.Webhooks[0].ClientConfig.Service
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(mutating.Webhooks[0].ClientConfig.CABundle) {
		return nil, fmt.Errorf("webhook %s of MutatingWebhookConfiguration %s carries no CA", mutating.Webhooks[0].Name, mutating.Name)
	}
	return &tls.Config{RootCAs: roots, ServerName: service.Name + "." + service.Namespace + ".svc", MinVersion: tls.VersionTLS12}, nil
}
