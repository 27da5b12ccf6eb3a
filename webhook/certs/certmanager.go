// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/shorten"
)

// diagnoseInterval is how often cert-manager's objects are looked at while there is no certificate that API servers
// trust, and how long it has time for it at first.
const diagnoseInterval = 10 * time.Second

// eventNotReady is the reason of the event on our own Pod.
const eventNotReady = "CertificateNotReady"

// CertManager leaves the certificates to cert-manager. It writes nothing, and explains what is missing while something
// is.
type CertManager struct {
	// Live reads cert-manager's objects from the API server.
	Live client.Reader
	// Certificate is the one that cert-manager fills the Secret for.
	Certificate types.NamespacedName
	// Source serves it.
	Source *Source
	// Recorder and Pod are for events about our own Pod.
	Recorder events.EventRecorder
	Pod      *corev1.Pod
	Clock    clock.WithTicker

	why atomic.Pointer[string]
}

var _ Provider = &CertManager{}

// CertManagerReader reads cert-manager's objects, and those alone.
func CertManagerReader(config *rest.Config) (client.Reader, error) {
	scheme := runtime.NewScheme()
	if err := cmapi.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("learn cert-manager's kinds: %w", err)
	}
	reader, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("client for cert-manager's objects: %w", err)
	}
	return reader, nil
}

// NeedLeaderElection is false: every replica waits for itself.
func (p *CertManager) NeedLeaderElection() bool { return false }

// Why tells what keeps the certificate from being used, as it was at the last check.
func (p *CertManager) Why() string {
	if why := p.why.Load(); why != nil {
		return *why
	}
	return ""
}

// Start looks until the context ends.
func (p *CertManager) Start(ctx context.Context) error {
	ticker := p.Clock.NewTicker(diagnoseInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			p.check(ctx)
		}
	}
}

// check explains, and says so when the explanation is a new one.
func (p *CertManager) check(ctx context.Context) {
	why := ""
	if p.Source.Distrust() != nil {
		why = diagnose(p.find(ctx))
	}
	if ctx.Err() != nil || why == p.Why() {
		return
	}
	p.why.Store(&why)
	log := ctrl.LoggerFrom(ctx).WithValues("certificate", p.Certificate.String())
	if why == "" {
		log.Info("API servers trust the certificate of cert-manager")
		return
	}
	log.Info("there is no certificate of cert-manager that API servers trust", "why", why)
	p.Recorder.Eventf(p.Pod, nil, corev1.EventTypeWarning, eventNotReady, "Serve", "%s", shorten.To(why, maxNote))
}

// find reads what can be seen.
func (p *CertManager) find(ctx context.Context) findings {
	found := findings{name: p.Certificate}
	found.hasCertificate, found.hasCA = p.Source.Holds(ProviderCertManager)
	certificate := &cmapi.Certificate{}
	if found.err = p.Live.Get(ctx, p.Certificate, certificate); found.err != nil {
		return found
	}
	found.certificate = certificate
	requests := &cmapi.CertificateRequestList{}
	if err := p.Live.List(ctx, requests, client.InNamespace(p.Certificate.Namespace)); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list CertificateRequests; the reason of a failure may be missing")
	}
	found.requests = requests.Items
	return found
}

// maxNote is how many bytes the note of an event has at most.
const maxNote = 1024
