// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// settle is how long a CA that was in a caBundle still counts as if it was: by then every API server has seen the
// change. And for as long a certificate that has just begun waits if it can: an API server's clock may be behind.
const settle = time.Minute

// held is an identity in memory, and what is known of it besides.
type held struct {
	*identity
	// since is when it was first seen.
	since time.Time
	// stored tells that the Secret holds it, not an earlier version of the Secret.
	stored bool
	// trusted is when a caBundle was last seen to trust it. Zero: never.
	trusted time.Time
	// crossSigned are the certificates by which other CAs sign its CA.
	crossSigned map[*identity]*x509.Certificate
}

// inPlay reports whether an API server may still trust nobody else.
func (h *held) inPlay(now time.Time) bool {
	return !h.trusted.IsZero() && now.Sub(h.trusted) < settle
}

// state is all that the choice of a certificate depends on.
type state struct {
	// provider is ours: the one that is to be served in the end.
	provider string
	// host is the name by which API servers call.
	host string
	// held are the identities, the latest first.
	held []*held
	// mutating and validating are our configurations; nil when not seen, or gone.
	mutating, validating *configuration
}

// choice is what follows from a state.
type choice struct {
	// serve is the certificate with its chain; nil when there is none at all.
	serve *tls.Certificate
	// from is the identity that it belongs to.
	from *held
	// crossSigned counts the CAs that cross-sign it in the chain.
	crossSigned int
}

// take adds what a Secret holds now. It returns false when that was known.
func (s *state) take(found *identity, now time.Time) bool {
	if latest := s.latest(found.provider); latest != nil && latest.same(found) {
		return false
	}
	s.lose(found.provider)
	s.held = slices.Insert(s.held, 0, &held{identity: found, since: now, stored: true, crossSigned: map[*identity]*x509.Certificate{}})
	return true
}

// lose notes that the Secret of a provider holds nothing any more. What it held is served on as long as API servers
// trust it.
func (s *state) lose(provider string) {
	for _, h := range s.held {
		if h.provider == provider {
			h.stored = false
		}
	}
}

// latest is what the Secret of a provider holds; nil when nothing.
func (s *state) latest(provider string) *held {
	for _, h := range s.held {
		if h.provider == provider && h.stored {
			return h
		}
	}
	return nil
}

func (s *state) webhooks() []webhookTrust {
	var all []webhookTrust
	for _, c := range []*configuration{s.mutating, s.validating} {
		if c != nil {
			all = append(all, c.webhooks...)
		}
	}
	return all
}

// managed tells that cert-manager keeps, or is about to keep, the CA in one of the configurations.
func (s *state) managed() bool {
	return s.mutating != nil && s.mutating.managed || s.validating != nil && s.validating.managed
}

// choose finds the certificate to serve: of those that may be served the one that most webhooks trust, and of equals
// cert-manager's, which our own CA can cross-sign but not the other way around, then the latest. It also forgets what
// can no longer matter. The errors are of CAs that cannot cross-sign.
func (s *state) choose(now time.Time) (choice, error) {
	webhooks := s.webhooks()
	for _, h := range s.held {
		if trustedBy(webhooks, h.chain, s.host, now) > 0 {
			h.trusted = now
		}
	}
	s.forget(now)
	var errs []error
	best, most := choice{}, -1
	for _, h := range s.preferred() {
		if !s.wanted(h, now) || s.early(h, now) {
			continue
		}
		crossSigned, err := s.crossSignedFor(h, now)
		errs = append(errs, err)
		if count := trustedBy(webhooks, slices.Concat(h.chain, crossSigned), s.host, now); count > most {
			best, most = newChoice(h, crossSigned), count
		}
	}
	return best, errors.Join(errs...)
}

// preferred are all identities, cert-manager's first.
func (s *state) preferred() []*held {
	return slices.SortedStableFunc(slices.Values(s.held), func(a, b *held) int {
		return rank(a.provider) - rank(b.provider)
	})
}

func rank(provider string) int {
	if provider == ProviderCertManager {
		return 0
	}
	return 1
}

// wanted reports whether an identity may be served: it is our own provider's, or cert-manager takes over or has not yet
// been taken over from, or API servers may trust nothing else.
func (s *state) wanted(h *held, now time.Time) bool {
	return h.provider == s.provider || h.provider == ProviderCertManager && s.managed() || h.inPlay(now)
}

// early reports whether a certificate is better not served yet: it has just begun, and the one before it, of the same
// CA, is as good for the moment.
func (s *state) early(h *held, now time.Time) bool {
	return h.fresh(now) && slices.ContainsFunc(s.held, func(before *held) bool {
		lasts := before.trusted.Equal(now) && before.pair.Leaf.NotAfter.After(now.Add(settle))
		return !before.fresh(now) && before.sharesCA(h) && lasts
	})
}

// fresh reports whether an API server whose clock is behind may take a certificate for one that is not valid yet. Those
// of the provider self begin an hour early.
func (h *held) fresh(now time.Time) bool {
	return now.Before(h.pair.Leaf.NotBefore.Add(settle))
}

// forget drops what no Secret holds and no API server needs: what it does not trust, or what a later certificate of the
// same CA replaces. Nor are the keys of their CAs kept, with which they cross-signed.
func (s *state) forget(now time.Time) {
	var kept []*held
	for _, h := range s.held {
		replaced := slices.ContainsFunc(kept, func(later *held) bool { return !later.fresh(now) && later.sharesCA(h) })
		if h.stored || h.inPlay(now) && !replaced {
			kept = append(kept, h)
		}
	}
	s.held = kept
	for _, h := range kept {
		maps.DeleteFunc(h.crossSigned, func(by *identity, _ *x509.Certificate) bool { return !s.holds(by) })
	}
}

// holds reports whether an identity is still in memory.
func (s *state) holds(i *identity) bool {
	return slices.ContainsFunc(s.held, func(h *held) bool { return h.identity == i })
}

// sharesCA reports whether who trusts one of two identities trusts the other.
func (h *held) sharesCA(other *held) bool {
	return h.provider == other.provider && h.ca != nil && h.sameCA(other.identity)
}

// crossSignedFor are the certificates by which every CA whose key is held, and that may, cross-signs the CA of an
// identity.
func (s *state) crossSignedFor(h *held, now time.Time) ([]*x509.Certificate, error) {
	var (
		crossSigned []*x509.Certificate
		errs        []error
	)
	for _, by := range s.held {
		if !canCrossSign(by.identity, h.identity, s.host, now) {
			continue
		}
		certificate, err := h.crossSignedBy(by.identity, now)
		errs = append(errs, err)
		if certificate != nil {
			crossSigned = append(crossSigned, certificate)
		}
	}
	return crossSigned, errors.Join(errs...)
}

// crossSignedBy is the certificate by which a CA signs that of h; it is made when there is none, and again before it
// ends. A CA that could not cross-sign at first, for which it is nil, is not asked again.
func (h *held) crossSignedBy(by *identity, now time.Time) (*x509.Certificate, error) {
	crossSigned, known := h.crossSigned[by]
	if known && (crossSigned == nil || !dueForRenewal(crossSigned, by, h.identity, now)) {
		return crossSigned, nil
	}
	renewed, err := crossSign(by, h.identity, now)
	if err != nil && known {
		return crossSigned, err
	}
	h.crossSigned[by] = renewed
	return renewed, err
}

func newChoice(h *held, crossSigned []*x509.Certificate) choice {
	pair := h.pair
	pair.Certificate = slices.Clone(pair.Certificate)
	for _, certificate := range crossSigned {
		pair.Certificate = append(pair.Certificate, certificate.Raw)
	}
	return choice{serve: &pair, from: h, crossSigned: len(crossSigned)}
}

// trustError tells why API servers that call any of our webhooks would not trust the certificate of our own provider,
// without anybody cross-signing it; nil if they would.
func (s *state) trustError(names Names, now time.Time) error {
	own := s.latest(s.provider)
	if own == nil {
		return fmt.Errorf("there is no certificate in Secret %s yet", names.Secret(s.provider))
	}
	var errs []error
	if s.mutating == nil {
		errs = append(errs, missing("MutatingWebhookConfiguration", names.Mutating))
	}
	if s.validating == nil {
		errs = append(errs, missing("ValidatingWebhookConfiguration", names.Validating))
	}
	return errors.Join(append(errs, distrust(s.webhooks(), own.chain, s.host, now))...)
}

func missing(kind, name string) error {
	return fmt.Errorf("%s %s is not there, or may not be watched; if it is missing, install the chart again", kind, name)
}
