// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// refreshInterval is how often the choice is made again without a change: to notice that a certificate expired or
	// that a change has settled.
	refreshInterval = 10 * time.Second
	// spread is how long a new certificate is given to reach every replica before its CA is put into the
	// configurations.
	spread = 2 * time.Second
)

// Source serves the certificate that API servers trust, straight from watches on the Secrets and the webhook
// configurations: a change is served milliseconds after it was written, without a restart and without the minute that a
// mounted Secret takes.
type Source struct {
	names Names
	// marker is a directory where the certificate of the provider self (not its key) is written once it is in memory.
	// "" for none.
	marker string
	clock  clock.WithTicker
	log    logr.Logger

	current atomic.Pointer[choice]
	// trusted is set once API servers trusted our provider's certificate.
	trusted atomic.Bool

	mu    sync.Mutex
	state state
	// kept is the last Secret of our provider that was good. gone is when that was deleted; zero while there is one.
	kept *corev1.Secret
	gone time.Time
	// distrust is what trustError last said.
	distrust error
}

// NewSource serves for one of the providers. marker is a directory to which tls.crt of the provider self is written
// once it could be served; "" for none.
func NewSource(provider string, names Names, marker string, now clock.WithTicker) *Source {
	return &Source{
		names: names, marker: marker, clock: now, log: ctrl.Log.WithName("certificates"),
		state:    state{provider: provider, host: names.host()},
		distrust: errors.New("the certificates have not been looked at yet"),
	}
}

// GetCertificate returns the certificate to serve now. It is a tls.Config.GetCertificate.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := s.current.Load(); c != nil && c.serve != nil {
		return c.serve, nil
	}
	return nil, fmt.Errorf("there is no certificate in Secret %s yet", s.names.Secret(s.state.provider))
}

// Check returns nil once the API server would call us: both webhook configurations exist, and every webhook in them
// trusts the certificate of our provider. From then on the provider keeps it so, and nil stays.
func (s *Source) Check() error {
	if s.trusted.Load() {
		return nil
	}
	return s.Distrust()
}

// Distrust returns what is wrong at this moment, where Check passes over what comes after it was good once.
func (s *Source) Distrust() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.distrust
}

// Holds reports whether the Secret of a provider holds a certificate to use, and whether it holds its CA.
func (s *Source) Holds(provider string) (certificate, ca bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.state.latest(provider)
	return h != nil, h != nil && h.ca != nil
}

// AwaitSpread waits until the other replicas can have seen the certificate of the provider self, whose CA these bundles
// are to tell; that takes no time while API servers trust nobody yet. It fails at once while this replica has not seen
// that certificate itself: it could not serve what API servers were to trust.
func (s *Source) AwaitSpread(ctx context.Context, bundles [][]byte) error {
	wait, err := s.spreadIn(bundles)
	if err != nil || wait <= 0 {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.clock.After(wait):
		return nil
	}
}

func (s *Source) spreadIn(bundles [][]byte) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.state.latest(ProviderSelf)
	for _, bundle := range bundles {
		if own == nil || !own.isOf(bundle) {
			return 0, fmt.Errorf("this replica has not yet seen, in Secret %s, a certificate of the CA that is to be written "+
				"into the webhook configurations; it is tried again",
				s.names.SelfSecret)
		}
	}
	for _, webhook := range s.state.webhooks() {
		if own != nil && webhook.bundle != "" {
			return spread - s.clock.Since(own.since), nil
		}
	}
	return 0, nil
}

// secretChanged takes what a Secret holds into account. A certificate that is not to be used is logged, and the last
// good one is served on.
func (s *Source) secretChanged(provider string, secret *corev1.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if provider == s.state.provider {
		s.gone = time.Time{}
	}
	if len(secret.Data[corev1.TLSCertKey]) == 0 {
		s.state.lose(provider) // it is still empty: the provider fills it
		s.choose()
		return
	}
	found, err := s.names.read(provider, secret)
	if err != nil {
		s.log.Error(err, "the Secret holds no usable certificate; the last good one is served on")
		return
	}
	if provider == s.state.provider {
		s.kept = secret.DeepCopy()
	}
	if !s.state.take(found, s.clock.Now()) {
		return
	}
	s.choose()
	if provider == ProviderSelf {
		s.mark(secret.Data[corev1.TLSCertKey])
	}
}

// secretDeleted takes into account that a Secret is gone. Where we make the certificates ourselves, what it held is
// served on as if it were there, until it holds something else.
func (s *Source) secretDeleted(provider string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if provider == ProviderSelf && s.state.provider == ProviderSelf {
		s.gone = s.clock.Now()
	} else {
		s.state.lose(provider)
	}
	s.choose()
}

// loss is the Secret of the provider self, which is ours, that was deleted.
type loss struct {
	// since is when.
	since time.Time
	// kept is what it held last, in memory; nil when nothing good was ever seen.
	kept *corev1.Secret
	// installed tells that there is a webhook configuration of ours, and that nobody else is to keep the CA in it.
	installed bool
	// bare tells that a webhook has no caBundle.
	bare bool
}

// lost tells about the deleted Secret of our provider; nil while there is one.
func (s *Source) lost() *loss {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone.IsZero() {
		return nil
	}
	found := &loss{since: s.gone, kept: s.kept, installed: (s.state.mutating != nil || s.state.validating != nil) && !s.state.managed()}
	for _, webhook := range s.state.webhooks() {
		found.bare = found.bare || webhook.bundle == ""
	}
	return found
}

// configurationChanged takes one of the webhook configurations into account.
func (s *Source) configurationChanged(object any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c := object.(type) {
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		s.state.mutating = readMutating(c)
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		s.state.validating = readValidating(c)
	}
	s.choose()
}

// configurationDeleted takes into account that one of them is gone.
func (s *Source) configurationDeleted(object any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch object.(type) {
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		s.state.mutating = nil
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		s.state.validating = nil
	}
	s.choose()
}

// refresh makes the choice again because time has passed.
func (s *Source) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.choose()
}

// choose takes into service what is to be served now, and says so when that changed. It is called with mu held.
func (s *Source) choose() {
	now := s.clock.Now()
	chosen, err := s.state.choose(now)
	if err != nil {
		s.log.Error(err, "API servers that trust an old CA may not trust the new certificate for a moment")
	}
	if old := s.current.Swap(&chosen); chosen.from != nil && (old == nil || old.from != chosen.from || old.crossSigned != chosen.crossSigned) {
		s.log.Info("serving certificate", "provider", chosen.from.provider, "serial", chosen.serve.Leaf.SerialNumber.String(),
			"notAfter", chosen.serve.Leaf.NotAfter, "crossSigned", chosen.crossSigned)
	}
	s.noteTrust(now)
	measure(chosen, &s.state, now)
}

// noteTrust notes whether API servers trust our provider's certificate, and says so when that changed.
func (s *Source) noteTrust(now time.Time) {
	before := s.distrust
	s.distrust = s.state.trustError(s.names, now)
	if s.distrust == nil {
		s.trusted.Store(true)
	}
	complete := s.state.mutating != nil && s.state.validating != nil && s.state.latest(s.state.provider) != nil
	switch {
	case s.distrust == nil && before != nil:
		s.log.Info("the CA in the webhook configurations is that of the Secret", "secret", s.names.Secret(s.state.provider).String())
	case s.distrust != nil && complete && (before == nil || before.Error() != s.distrust.Error()):
		s.log.Info("the CA in the webhook configurations differs from that of the Secret",
			"secret", s.names.Secret(s.state.provider).String(), "why", s.distrust.Error())
	}
}

func (s *Source) mark(certificate []byte) {
	if s.marker == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(s.marker, corev1.TLSCertKey), certificate, 0o600); err != nil {
		s.log.Error(err, "the certificate could be served, but cannot be written to disk; its CA is not put into the webhook configurations")
	}
}
