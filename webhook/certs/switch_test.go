// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
)

// world is a cluster whose certificates change hands: two replicas of before, two of after, and two API servers, each
// of which learns of changes in its own time. No call of an API server may fail, whichever replica it reaches.
type world struct {
	t      *testing.T
	random *rand.Rand
	clock  *clocktesting.FakeClock

	objects  map[string]any // what the cluster stores: Secrets and configurations
	replicas []*replica
	servers  []*apiServer
	story    []string // what happened, for the report of a failure
}

type replica struct {
	name    string
	source  *Source
	pending []change
	before  bool
}

// apiServer calls by what it has seen of the configurations.
type apiServer struct {
	bundles map[string][]byte
	pending []change
}

// change is of one object; nil means that it is gone.
type change struct {
	name   string
	object any
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), clock: clocktesting.NewFakeClock(start), objects: map[string]any{},
		servers: []*apiServer{{bundles: map[string][]byte{}}, {bundles: map[string][]byte{}}}}
}

func (w *world) start(name, provider string, before bool) {
	r := &replica{name: name, source: NewSource(provider, testNames, "", w.clock), before: before}
	for object, value := range w.objects {
		r.pending = append(r.pending, change{object, value})
	}
	w.random.Shuffle(len(r.pending), func(i, j int) { r.pending[i], r.pending[j] = r.pending[j], r.pending[i] })
	w.replicas = append(w.replicas, r)
}

// set stores an object; those who watch learn of it later.
func (w *world) set(name string, object any) {
	w.story = append(w.story, "stored "+name)
	w.objects[name] = object
	for _, r := range w.replicas {
		r.pending = append(r.pending, change{name, object})
	}
	for _, s := range w.servers {
		s.pending = append(s.pending, change{name, object})
	}
}

// deliver lets some of those who watch learn of a few changes, in their order, and then has every API server call every
// replica that is ready.
func (w *world) deliver(times int) {
	for range times {
		if i := w.random.IntN(len(w.replicas) + len(w.servers)); i < len(w.replicas) {
			w.replicas[i].learn()
		} else {
			w.servers[i-len(w.replicas)].learn()
		}
		w.call()
	}
}

// settle lets everybody learn of everything, and time pass.
func (w *world) settle(d time.Duration) {
	for _, s := range w.servers {
		for s.learn() {
		}
	}
	w.call()
	for _, r := range w.replicas {
		for r.learn() {
		}
	}
	w.call()
	for range int(d/refreshInterval) + 1 {
		w.clock.Step(refreshInterval)
		for _, r := range w.replicas {
			r.source.refresh()
		}
		w.call()
	}
}

// spread lets every replica learn of the Secrets.
func (w *world) spread() {
	for _, r := range w.replicas {
		for r.learn() {
		}
	}
	w.call()
}

func (r *replica) learn() bool {
	if len(r.pending) == 0 {
		return false
	}
	next := r.pending[0]
	r.pending = r.pending[1:]
	secret, isSecret := next.object.(*corev1.Secret)
	switch {
	case isSecret && secret != nil:
		r.source.secretChanged(next.name, secret)
	case isSecret:
		r.source.secretDeleted(next.name)
	default:
		r.source.configurationChanged(next.object)
	}
	return true
}

func (s *apiServer) learn() bool {
	if len(s.pending) == 0 {
		return false
	}
	next := s.pending[0]
	s.pending = s.pending[1:]
	if bundle, ok := bundleOf(next.object); ok {
		s.bundles[next.name] = bundle
	}
	return true
}

// call has every API server call every replica that is ready, for each of the two configurations.
func (w *world) call() {
	w.t.Helper()
	for _, r := range w.replicas {
		if !r.before && r.source.Check() != nil {
			continue
		}
		for i, s := range w.servers {
			for name, bundle := range s.bundles {
				if err := ask(r.source, bundle); err != nil {
					w.t.Fatalf("API server %d, for the %s configuration, does not trust replica %s: %v\nuntil then: %v", i, name, r.name, err, w.story)
				}
			}
		}
	}
}

// ask verifies the chain that would be sent as an API server does.
func ask(s *Source, bundle []byte) error {
	served, err := s.GetCertificate(nil)
	if err != nil {
		return err
	}
	var chain []*x509.Certificate
	for _, der := range served.Certificate {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		chain = append(chain, certificate)
	}
	return distrust(readMutating(mutatingWith(bundle, false)).webhooks, chain, host, s.clock.Now())
}

func (w *world) configure(bundle []byte, managed bool) {
	w.set("mutating", mutatingWith(bundle, managed))
	w.deliver(w.random.IntN(20))
	w.set("validating", validatingWith(bundle, managed))
	w.deliver(w.random.IntN(20))
}

// TestNoCallFailsWhileCertificatesChangeHands goes from self to cert-manager, back, and there again, and replaces the
// CA in between, in many random orders. The one thing that is not random: a new certificate has reached the replicas
// before its CA is put into the configurations.
func TestNoCallFailsWhileCertificatesChangeHands(t *testing.T) {
	authorities := make([]*authority, 5)
	for i := range authorities {
		authorities[i] = newAuthority(t)
	}
	a, b, c, d, e := authorities[0], authorities[1], authorities[2], authorities[3], authorities[4]
	none := (*corev1.Secret)(nil)
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			w.set(ProviderSelf, a.secret(t, 1))
			w.set("mutating", mutatingWith(a.pem, false))
			w.set("validating", validatingWith(a.pem, false))
			w.start("1", ProviderSelf, true)
			w.start("2", ProviderSelf, true)
			w.learnAll()
			w.settle(settle)

			w.handOver(ProviderCertManager, func() {
				w.configure(a.pem, true)
				w.set(ProviderSelf, none)
				w.deliver(w.random.IntN(20))
				w.set(ProviderCertManager, b.managedSecret(t, 101))
				w.spread()
				w.configure(b.pem, true)
			})
			w.handOver(ProviderSelf, func() {
				w.configure(b.pem, false)
				w.set(ProviderSelf, c.secret(t, 2))
				w.spread()
				w.configure(c.pem, false)
			})
			w.set(ProviderSelf, d.secret(t, 3)) // its CA is replaced
			w.spread()
			w.configure(d.pem, false)
			w.settle(settle)
			w.handOver(ProviderCertManager, func() { // the Secret was left behind
				w.configure(d.pem, true)
				w.set(ProviderSelf, none)
				w.spread()
				w.configure(b.pem, true)
			})
			w.handOver(ProviderSelf, func() { // and this time it is deleted
				w.configure(b.pem, false)
				w.set(ProviderCertManager, none)
				w.set(ProviderSelf, e.secret(t, 4))
				w.spread()
				w.configure(e.pem, false)
			})
		})
	}
}

// seeds is how many random orders are tried.
const seeds = 6

// learnAll lets everybody learn of everything before the first call.
func (w *world) learnAll() {
	for _, r := range w.replicas {
		for r.learn() {
		}
	}
	for _, s := range w.servers {
		for s.learn() {
		}
	}
}

// handOver replaces the replicas by those of another provider while things happen. The old ones go when the new ones
// are ready.
func (w *world) handOver(provider string, happens func()) {
	w.t.Helper()
	w.story = append(w.story, "hand over to "+provider)
	for _, r := range w.replicas {
		r.before = true
	}
	old := len(w.replicas)
	name := fmt.Sprint(provider, " after ", w.clock.Now().Sub(start))
	early := w.random.IntN(2) == 0
	if early {
		w.start(name, provider, false)
	}
	happens()
	if !early {
		w.start(name, provider, false)
	}
	w.settle(0)
	for _, r := range w.replicas[old:] {
		if err := r.source.Check(); err != nil {
			w.t.Fatalf("replica %s is not ready in the end: %v", r.name, err)
		}
	}
	w.replicas = w.replicas[old:]
	w.settle(2 * settle)
	for _, r := range w.replicas {
		if got := r.source.current.Load(); got.from.provider != provider || got.crossSigned != 0 {
			w.t.Fatalf("replica %s serves %s with %d cross-signed certificates long after the change, want %s by itself", r.name, got.from.provider, got.crossSigned, provider)
		}
	}
}

func bundleOf(object any) ([]byte, bool) {
	switch c := object.(type) {
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		return c.Webhooks[0].ClientConfig.CABundle, true
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		return c.Webhooks[0].ClientConfig.CABundle, true
	}
	return nil, false
}
