// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestWhatIsServed plays what happens to Secrets and configurations, one thing after the other, and looks at what is
// served in the end. Certificates of self have the numbers 1 and up, those of cert-manager 101 and up.
func TestWhatIsServed(t *testing.T) {
	a, b, c := newAuthority(t), newAuthority(t), newAuthority(t)
	type happening func(s *Source, pass func(time.Duration))
	selfHolds := func(by *authority, serial int64) happening {
		return func(s *Source, _ func(time.Duration)) { s.secretChanged(ProviderSelf, by.secret(t, serial)) }
	}
	managedHolds := func(by *authority, serial int64) happening {
		return func(s *Source, _ func(time.Duration)) {
			s.secretChanged(ProviderCertManager, by.managedSecret(t, serial))
		}
	}
	managedRenewed := func(by *authority, serial int64) happening {
		return func(s *Source, _ func(time.Duration)) {
			s.secretChanged(ProviderCertManager, by.managedFrom(t, serial, s.clock.Now()))
		}
	}
	mutating := func(bundle []byte, managed bool) happening {
		return func(s *Source, _ func(time.Duration)) { s.configurationChanged(mutatingWith(bundle, managed)) }
	}
	validating := func(bundle []byte, managed bool) happening {
		return func(s *Source, _ func(time.Duration)) { s.configurationChanged(validatingWith(bundle, managed)) }
	}
	both := func(bundle []byte, managed bool) happening {
		return func(s *Source, pass func(time.Duration)) {
			mutating(bundle, managed)(s, pass)
			validating(bundle, managed)(s, pass)
		}
	}
	gone := func(provider string) happening {
		return func(s *Source, _ func(time.Duration)) { s.secretDeleted(provider) }
	}
	passes := func(d time.Duration) happening { return func(_ *Source, pass func(time.Duration)) { pass(d) } }
	empty := func(s *Source, _ func(time.Duration)) { s.secretChanged(ProviderSelf, &corev1.Secret{}) }

	type want = [2]int64 // serial number, cross-signed certificates
	for name, test := range map[string]struct {
		provider string
		happens  []happening
		want     want
	}{
		"nothing before there is something":                {ProviderSelf, []happening{empty, both(nil, false)}, want{-1, -1}},
		"self's own":                                       {ProviderSelf, []happening{selfHolds(a, 1), both(a.pem, false)}, want{1, 0}},
		"self's own before anybody trusts it":              {ProviderSelf, []happening{selfHolds(a, 1)}, want{1, 0}},
		"self's newest of the same CA":                     {ProviderSelf, []happening{both(a.pem, false), selfHolds(a, 1), selfHolds(a, 2)}, want{2, 0}},
		"self's last while its Secret is empty":            {ProviderSelf, []happening{both(a.pem, false), selfHolds(a, 1), empty}, want{1, 0}},
		"self's last while its Secret is gone":             {ProviderSelf, []happening{both(a.pem, false), selfHolds(a, 1), gone(ProviderSelf), passes(time.Hour)}, want{1, 0}},
		"cert-manager's own":                               {ProviderCertManager, []happening{managedHolds(b, 101), both(b.pem, true)}, want{101, 0}},
		"a new CA of self, which the old one cross-signs":  {ProviderSelf, []happening{both(a.pem, false), selfHolds(a, 1), selfHolds(c, 2)}, want{2, 1}},
		"a new CA of self, by itself when all has settled": {ProviderSelf, []happening{both(a.pem, false), selfHolds(a, 1), selfHolds(c, 2), both(c.pem, false), passes(2 * settle)}, want{2, 0}},
		"a new CA of self that nobody ever put into the configurations, cross-signed as long as it takes": {
			ProviderSelf, []happening{both(a.pem, false), selfHolds(a, 1), selfHolds(c, 2), passes(time.Hour)}, want{2, 1}},
		"not a new CA of cert-manager before it is trusted, as nobody can cross-sign it": {
			ProviderCertManager, []happening{both(b.pem, true), managedHolds(b, 101), managedHolds(c, 102)}, want{101, 0}},
		"a new CA of cert-manager once it is trusted": {
			ProviderCertManager, []happening{both(b.pem, true), managedHolds(b, 101), managedHolds(c, 102), both(c.pem, true)}, want{102, 0}},
		"a new CA of cert-manager that was there before it was trusted by one of two": {
			ProviderCertManager, []happening{both(b.pem, true), managedHolds(b, 101), managedHolds(c, 102), mutating(c.pem, true)}, want{102, 0}},

		"not cert-manager's renewed one at once, which an API server may take for one of the future": {
			ProviderCertManager, []happening{both(b.pem, true), managedHolds(b, 101), managedRenewed(b, 102), passes(settle / 2)}, want{101, 0}},
		"cert-manager's renewed one when no clock is that far behind": {
			ProviderCertManager, []happening{both(b.pem, true), managedHolds(b, 101), managedRenewed(b, 102), passes(settle)}, want{102, 0}},
		"cert-manager's renewed one at once if the one before is about to end": {
			ProviderCertManager, []happening{both(b.pem, true), managedHolds(b, 101), passes(100*time.Hour - settle/2), managedRenewed(b, 102)}, want{102, 0}},
		"cert-manager's first one at once": {
			ProviderCertManager, []happening{both(b.pem, true), managedRenewed(b, 101)}, want{101, 0}},
		"cert-manager's first one at once, cross-signed by self": {
			ProviderSelf, []happening{selfHolds(a, 1), both(a.pem, true), managedRenewed(b, 101)}, want{101, 1}},
		"cert-manager's, cross-signed by self, as soon as it is there": {
			ProviderSelf, []happening{selfHolds(a, 1), both(a.pem, true), managedHolds(b, 101)}, want{101, 1}},
		"cert-manager's, cross-signed by self, when half of it is done": {
			ProviderSelf, []happening{selfHolds(a, 1), both(a.pem, true), managedHolds(b, 101), mutating(b.pem, true), gone(ProviderSelf)}, want{101, 1}},
		"cert-manager's, by itself, a while after self was trusted": {
			ProviderCertManager, []happening{selfHolds(a, 1), both(a.pem, true), managedHolds(b, 101), gone(ProviderSelf), both(b.pem, true), passes(2 * settle)}, want{101, 0}},
		"self's for cert-manager until its certificate is there": {
			ProviderCertManager, []happening{selfHolds(a, 1), both(a.pem, true), gone(ProviderSelf)}, want{1, 0}},

		"cert-manager's, cross-signed by self, before self has taken over": {
			ProviderSelf, []happening{managedHolds(b, 101), both(b.pem, false), selfHolds(c, 2)}, want{101, 1}},
		"cert-manager's, cross-signed by self, when self has just taken over": {
			ProviderSelf, []happening{managedHolds(b, 101), both(b.pem, false), selfHolds(c, 2), both(c.pem, false)}, want{101, 1}},
		"self's when it took over a while ago": {
			ProviderSelf, []happening{managedHolds(b, 101), both(b.pem, false), selfHolds(c, 2), both(c.pem, false), passes(2 * settle)}, want{2, 0}},
		"cert-manager's, cross-signed, in a replica of before": {
			ProviderCertManager, []happening{managedHolds(b, 101), both(b.pem, false), selfHolds(c, 2), gone(ProviderCertManager), both(c.pem, false)}, want{101, 1}},
		"self's when an old Secret of cert-manager was left behind": {
			ProviderSelf, []happening{managedHolds(b, 101), selfHolds(a, 1), both(a.pem, false)}, want{1, 0}},
		"the Secret that was left behind when cert-manager takes over again": {
			ProviderSelf, []happening{managedHolds(b, 101), selfHolds(a, 1), both(a.pem, false), both(a.pem, true)}, want{101, 1}},
		"self's when that of cert-manager has expired": {
			ProviderSelf, []happening{managedHolds(b, 101), both(slices.Concat(a.pem, b.pem), true), selfHolds(a, 1), passes(101 * time.Hour)}, want{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newTestSource(t, test.provider)
			pass := func(d time.Duration) {
				clock.Step(d)
				s.refresh()
				s.refresh()
			}
			for _, happens := range test.happens {
				happens(s, pass)
			}
			if diff := cmp.Diff(test.want, serving(s)); diff != "" {
				t.Errorf("serial number and cross-signed certificates (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAForgottenCALeavesNothingBehind: its key must not stay in memory.
func TestAForgottenCALeavesNothingBehind(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	s, clock := newTestSource(t, ProviderCertManager)
	s.secretChanged(ProviderSelf, a.secret(t, 1))
	s.configurationChanged(mutatingWith(a.pem, true))
	s.secretChanged(ProviderCertManager, b.managedSecret(t, 101))
	managed := s.state.latest(ProviderCertManager)
	if got := len(managed.crossSigned); got != 1 {
		t.Fatalf("%d CAs have cross-signed cert-manager's, want 1", got)
	}
	s.secretDeleted(ProviderSelf)
	s.configurationChanged(mutatingWith(b.pem, true))
	clock.Step(2 * settle)
	s.refresh()
	if got := len(managed.crossSigned); got != 0 {
		t.Errorf("%d CAs that cross-signed cert-manager's are kept, want 0", got)
	}
}

func TestACrossSignedCertificateIsGoodForItsChainAlone(t *testing.T) {
	a, b, other := newAuthority(t), newAuthority(t), newAuthority(t)
	identities := map[*authority]*identity{a: parsed(t, ProviderSelf, a.secret(t, 1)), b: parsed(t, ProviderSelf, b.secret(t, 1))}
	crossSigned, err := crossSign(identities[a], identities[b], start)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		roots *authority
		chain []*x509.Certificate
		want  bool
	}{
		"who trusts the CA needs no cross-signed certificate":      {b, identities[b].chain, true},
		"who trusts the CA minds none":                             {b, append(identities[b].chain, crossSigned), true},
		"who trusts the one that cross-signs takes it":             {a, append(identities[b].chain, crossSigned), true},
		"who trusts the one that cross-signs does not without it":  {a, identities[b].chain, false},
		"who trusts neither does not, with it":                     {other, append(identities[b].chain, crossSigned), false},
		"it does not make the one that cross-signs trusted itself": {b, append(identities[a].chain, crossSigned), false},
	} {
		t.Run(name, func(t *testing.T) {
			configuration := readMutating(mutatingWith(test.roots.pem, false))
			if err := distrust(configuration.webhooks, test.chain, host, start); (err == nil) != test.want {
				t.Errorf("trusted: %v, want %t", err, test.want)
			}
		})
	}
}

// TestACrossSignedCertificateWorksInAHandshake makes real calls, with all that TLS adds.
func TestACrossSignedCertificateWorksInAHandshake(t *testing.T) {
	old, next := newAuthority(t), newAuthority(t)
	s, clock := newTestSource(t, ProviderSelf)
	s.configurationChanged(mutatingWith(old.pem, true))
	s.secretChanged(ProviderSelf, old.secret(t, 1))
	s.secretChanged(ProviderCertManager, next.managedSecret(t, 101))
	for name, roots := range map[string]*authority{"by who trusts the old CA": old, "by who trusts the new CA": next} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			defer there.Close()
			trusted := x509.NewCertPool()
			trusted.AddCert(roots.certificate)
			server := tls.Server(there, &tls.Config{GetCertificate: s.GetCertificate, MinVersion: tls.VersionTLS13})
			go func() { _ = server.Handshake() }()
			client := tls.Client(here, &tls.Config{RootCAs: trusted, ServerName: host, MinVersion: tls.VersionTLS13, Time: clock.Now})
			if err := client.Handshake(); err != nil {
				t.Fatal(err)
			}
			if got := client.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != 101 {
				t.Errorf("serial number %d, want 101", got)
			}
		})
	}
}
