// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/certs"
)

// serving is what the TLS of the webhook server needs.
type serving struct {
	names  certs.Names
	source *certs.Source
	// marker is the directory where the source shows the provider self what it has.
	marker string
}

// newServing sets up what serves certificates, whoever makes them.
func newServing(o options) (*serving, error) {
	namespace, err := program.Namespace()
	if err != nil {
		return nil, err
	}
	if o.certProvider != certs.ProviderSelf && o.certProvider != certs.ProviderCertManager {
		return nil, fmt.Errorf("--cert-provider=%s: must be %s or %s", o.certProvider, certs.ProviderSelf, certs.ProviderCertManager)
	}
	if o.selfSecret == o.certManagerSecret {
		return nil, fmt.Errorf("--cert-secret-name and --cert-manager-secret-name are both %s: each provider needs a Secret "+
			"of its own", o.selfSecret)
	}
	marker, err := os.MkdirTemp("", "served-")
	if err != nil {
		return nil, fmt.Errorf("directory for the served certificate: %w", err)
	}
	names := certs.Names{
		SelfSecret:        types.NamespacedName{Namespace: namespace, Name: o.selfSecret},
		CertManagerSecret: types.NamespacedName{Namespace: namespace, Name: o.certManagerSecret},
		Certificate:       o.certificate,
		Mutating:          o.mutating, Validating: o.validating, Service: o.service,
	}
	return &serving{names: names, source: certs.NewSource(o.certProvider, names, marker, clock.RealClock{}), marker: marker}, nil
}

// add lets the manager run it, and makes /readyz fail until a certificate is served that both webhook configurations
// trust.
func (s *serving) add(mgr manager.Manager, o options) error {
	provider, err := s.provider(mgr, o)
	if err != nil {
		return err
	}
	check := func(*http.Request) error {
		err := s.source.Check()
		if why := provider.Why(); err != nil && why != "" {
			return fmt.Errorf("%s: %w", why, err)
		}
		return err
	}
	return errors.Join(
		mgr.Add(&certs.Watch{Config: mgr.GetConfig(), Scheme: mgr.GetScheme(), Source: s.source}),
		mgr.Add(provider),
		mgr.AddReadyzCheck("certificates", check),
	)
}

// provider is who makes the certificates.
func (s *serving) provider(mgr manager.Manager, o options) (certs.Provider, error) {
	if o.certProvider == certs.ProviderSelf {
		provider := &certs.SelfSigned{
			Names: s.names, Source: s.source, Marker: s.marker,
			CAValidity: o.caValidity, CertValidity: o.certValidity, RotateBefore: o.rotateBefore, CheckInterval: o.checkInterval,
			Recorder: mgr.GetEventRecorder("windlass-webhook"), Pod: ownPod(s.names.SelfSecret.Namespace), Clock: clock.RealClock{},
		}
		if err := provider.Setup(mgr.GetConfig(), mgr.GetScheme()); err != nil {
			return nil, err
		}
		return provider, nil
	}
	live, err := certs.CertManagerReader(mgr.GetConfig())
	if err != nil {
		return nil, err
	}
	return &certs.CertManager{
		Live:        live,
		Certificate: client.ObjectKey{Namespace: s.names.CertManagerSecret.Namespace, Name: s.names.Certificate},
		Source:      s.source,
		Recorder:    mgr.GetEventRecorder("windlass-webhook"),
		Pod:         ownPod(s.names.CertManagerSecret.Namespace),
		Clock:       clock.RealClock{},
	}, nil
}

// ownPod is the Pod that this program runs in, as far as events need it.
func ownPod(namespace string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: os.Getenv("POD_NAME"), UID: types.UID(os.Getenv("POD_UID")),
	}}
}
