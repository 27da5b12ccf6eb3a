package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// trustInterval is the least time between two looks at the configurations.
const trustInterval = 3 * time.Second

// Trust tells whether the API server would call us: both webhook configurations
// exist, and every webhook in them trusts the served certificate. It is asked
// until it was true once; from then on Provider keeps it so.
type Trust struct {
	// Live reads the configurations from the API server.
	Live client.Reader
	// Source serves the certificate.
	Source *Source
	// Mutating and Validating name the configurations.
	Mutating, Validating string
	// Clock says when to look again.
	Clock clock.PassiveClock

	mu     sync.Mutex
	looked time.Time
	// last is what came of the last look; nil once it was good.
	last error
}

// Check returns nil once the configurations trust the served certificate, else
// what is missing. It looks at most every few seconds.
func (t *Trust) Check(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Clock.Now()
	if !t.looked.IsZero() && (t.last == nil || now.Sub(t.looked) < trustInterval) {
		return t.last
	}
	t.looked, t.last = now, t.look(ctx)
	return t.last
}

func (t *Trust) look(ctx context.Context) error {
	served, err := t.Source.GetCertificate(nil)
	if err != nil {
		return err
	}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := errors.Join(t.read(ctx, "MutatingWebhookConfiguration", t.Mutating, mutating),
		t.read(ctx, "ValidatingWebhookConfiguration", t.Validating, validating)); err != nil {
		return err
	}
	var errs []error
	for i := range mutating.Webhooks {
		errs = append(errs, trusts(mutating.Webhooks[i].Name, mutating.Webhooks[i].ClientConfig.CABundle, served.Leaf))
	}
	for i := range validating.Webhooks {
		errs = append(errs, trusts(validating.Webhooks[i].Name, validating.Webhooks[i].ClientConfig.CABundle, served.Leaf))
	}
	return errors.Join(errs...)
}

func (t *Trust) read(ctx context.Context, kind, name string, into client.Object) error {
	if err := t.Live.Get(ctx, client.ObjectKey{Name: name}, into); err != nil {
		return fmt.Errorf("%s %s cannot be read; if it is missing, install the chart again: %w", kind, name, err)
	}
	return nil
}

// trusts verifies the certificate as an API server does that knows this bundle.
func trusts(webhook string, bundle []byte, certificate *x509.Certificate) error {
	if len(bundle) == 0 {
		return fmt.Errorf("webhook %s has no caBundle yet", webhook)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots}); err != nil {
		return fmt.Errorf("the caBundle of webhook %s does not trust the served certificate: %w", webhook, err)
	}
	return nil
}
