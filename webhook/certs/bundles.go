// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// injectAnnotation asks cert-manager to keep the CA of a Certificate in a configuration.
const injectAnnotation = "cert-manager.io/inject-ca-from"

// webhookTrust is whom API servers trust that call one of our webhooks.
type webhookTrust struct {
	// webhook is its name in the configuration.
	webhook string
	// bundle is its caBundle.
	bundle string
	roots  *x509.CertPool
}

// configuration is what matters here of a webhook configuration.
type configuration struct {
	webhooks []webhookTrust
	// managed tells that cert-manager is asked to keep the CA in it.
	managed bool
}

func readMutating(c *admissionregistrationv1.MutatingWebhookConfiguration) *configuration {
	read := newConfiguration(c)
	for i := range c.Webhooks {
		read.add(c.Webhooks[i].Name, c.Webhooks[i].ClientConfig.CABundle)
	}
	return read
}

func readValidating(c *admissionregistrationv1.ValidatingWebhookConfiguration) *configuration {
	read := newConfiguration(c)
	for i := range c.Webhooks {
		read.add(c.Webhooks[i].Name, c.Webhooks[i].ClientConfig.CABundle)
	}
	return read
}

func newConfiguration(object metav1.Object) *configuration {
	return &configuration{managed: object.GetAnnotations()[injectAnnotation] != ""}
}

func (c *configuration) add(webhook string, bundle []byte) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	c.webhooks = append(c.webhooks, webhookTrust{webhook: webhook, bundle: string(bundle), roots: roots})
}

// bundlesOf are the caBundles in a webhook configuration of either kind.
func bundlesOf(configuration client.Object) ([][]byte, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(configuration)
	if err != nil {
		return nil, fmt.Errorf("read webhook configuration %s: %w", configuration.GetName(), err)
	}
	read := &admissionregistrationv1.ValidatingWebhookConfiguration{} // both kinds keep them in the same place
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, read); err != nil {
		return nil, fmt.Errorf("read webhook configuration %s: %w", configuration.GetName(), err)
	}
	var bundles [][]byte
	for i := range read.Webhooks {
		bundles = append(bundles, read.Webhooks[i].ClientConfig.CABundle)
	}
	return bundles, nil
}

// trusts verifies a chain as an API server does that knows this bundle and asks for this host. It says which webhook
// does not trust it, and why.
func (t *webhookTrust) trusts(chain []*x509.Certificate, host string, now time.Time) error {
	if t.bundle == "" {
		return fmt.Errorf("webhook %s has no caBundle yet", t.webhook)
	}
	if err := verify(chain, t.roots, host, now); err != nil {
		return fmt.Errorf("the caBundle of webhook %s does not trust the certificate: %w", t.webhook, err)
	}
	return nil
}

// verify checks a chain as an API server does that trusts these roots.
func verify(chain []*x509.Certificate, roots *x509.CertPool, host string, now time.Time) error {
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host, CurrentTime: now})
	return err
}

// distrust tells which webhooks do not trust a chain; nil when all do.
func distrust(webhooks []webhookTrust, chain []*x509.Certificate, host string, now time.Time) error {
	var errs []error
	for i := range webhooks {
		errs = append(errs, webhooks[i].trusts(chain, host, now))
	}
	return errors.Join(errs...)
}

// trustedBy counts the webhooks that trust a chain.
func trustedBy(webhooks []webhookTrust, chain []*x509.Certificate, host string, now time.Time) int {
	count := 0
	for i := range webhooks {
		if webhooks[i].trusts(chain, host, now) == nil {
			count++
		}
	}
	return count
}
