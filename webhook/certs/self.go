// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// fieldOwner is who writes Secret and configurations, as managedFields name it.
const fieldOwner = "windlass-certificates"

// Provider obtains serving certificates, and has their CA put into the webhook configurations.
type Provider interface {
	// Start works until the context ends.
	Start(ctx context.Context) error
	// Why tells in a sentence what the provider knows about why there is no certificate that API servers trust; "" if
	// nothing.
	Why() string
}

// SelfSigned makes and rotates a CA and certificates of its own, in a Secret that every replica reads and any may
// write.
type SelfSigned struct {
	// Names say where. The Secret is made where there is none.
	Names Names
	// Source serves them.
	Source *Source
	// CAValidity and CertValidity are how long new ones last. RotateBefore is how long before the end they are
	// replaced, and must be less than both.
	CAValidity, CertValidity, RotateBefore time.Duration
	// CheckInterval is how often that is looked at.
	CheckInterval time.Duration
	// Marker is a directory where tls.crt appears once it could be served.
	Marker string
	// Recorder and Pod are for events about our own Pod.
	Recorder events.EventRecorder
	Pod      *corev1.Pod
	Clock    clock.WithTicker

	manager manager.Manager
	keeper  *keeper
}

var _ Provider = &SelfSigned{}

// Setup checks the durations and prepares the rotator in a small manager of its own, so that nothing else of the
// program depends on it.
func (p *SelfSigned) Setup(config *rest.Config, scheme *runtime.Scheme) error {
	if p.RotateBefore >= p.CertValidity || p.RotateBefore >= p.CAValidity {
		return fmt.Errorf("--cert-rotate-before=%s: must be less than --cert-validity=%s and --ca-validity=%s, or "+
			"certificates would be replaced at every look",
			p.RotateBefore, p.CertValidity, p.CAValidity)
	}
	var err error
	p.manager, err = manager.New(config, manager.Options{
		Scheme:                 scheme,
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		NewClient:              p.newClient,
	})
	if err != nil {
		return fmt.Errorf("set up the certificates' manager: %w", err)
	}
	live, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("client for the Secret of the certificates: %w", err)
	}
	p.keeper = &keeper{
		client: live, names: p.Names, source: p.Source, recorder: p.Recorder, pod: p.Pod, clock: p.Clock,
		log: ctrl.Log.WithName("certificates"),
	}
	return rotator.AddRotator(p.manager, p.rotator())
}

func (p *SelfSigned) rotator() *rotator.CertRotator {
	host := p.Names.host()
	return &rotator.CertRotator{
		SecretKey:      p.Names.SelfSecret,
		CertDir:        p.Marker,
		CAName:         "windlass-ca",
		CAOrganization: "windlass",
		DNSName:        host,
		ExtraDNSNames:  []string{p.Names.Service + "." + p.Names.SelfSecret.Namespace, host + ".cluster.local"},
		IsReady:        make(chan struct{}),
		Webhooks: []rotator.WebhookInfo{
			{Name: p.Names.Mutating, Type: rotator.Mutating},
			{Name: p.Names.Validating, Type: rotator.Validating},
		},
		FieldOwner:             fieldOwner,
		CaCertDuration:         p.CAValidity,
		ServerCertDuration:     p.CertValidity,
		LookaheadInterval:      p.RotateBefore,
		RotationCheckFrequency: p.CheckInterval,
		EnableReadinessCheck:   true,
		ControllerName:         "windlass-certificates",
	}
}

// NeedLeaderElection is false: any replica may rotate, and conflicting writes settle it.
func (p *SelfSigned) NeedLeaderElection() bool { return false }

// Start works until the context ends.
func (p *SelfSigned) Start(ctx context.Context) error {
	if err := p.keeper.await(ctx); err != nil {
		return p.explain(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { p.keeper.keep(ctx) })
	err := p.manager.Start(ctx)
	cancel()
	keeping.Wait()
	return p.explain(err)
}

// explain says what to do where the Secret is missing and cannot be made: a role without that permission is the reason.
func (p *SelfSigned) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return fmt.Errorf("certificates of Secret %s: create it again, empty, and it is filled: kubectl create secret "+
			"generic %s --namespace %s: %w",
			p.Names.SelfSecret, p.Names.SelfSecret.Name, p.Names.SelfSecret.Namespace, err)
	default:
		return fmt.Errorf("certificates of Secret %s: %w", p.Names.SelfSecret, err)
	}
}

// Why is empty: what goes wrong is logged, or ends the program.
func (p *SelfSigned) Why() string { return "" }

// newClient makes the client that the rotator writes with.
func (p *SelfSigned) newClient(config *rest.Config, options client.Options) (client.Client, error) {
	c, err := client.New(config, options)
	if err != nil {
		return nil, err
	}
	return &patientClient{Client: c, wait: p.Source.AwaitSpread}, nil
}

// patientClient waits before it changes a webhook configuration. The rotator writes a new CA there as soon as it has
// one, and API servers would then call replicas that have not seen it.
type patientClient struct {
	client.Client
	// wait is told what every webhook of the configuration is to trust.
	wait func(ctx context.Context, bundles [][]byte) error
}

// Update changes an object.
func (c *patientClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	if object.GetObjectKind().GroupVersionKind().Group == admissionregistrationv1.GroupName {
		bundles, err := bundlesOf(object)
		if err != nil {
			return err
		}
		if err := c.wait(ctx, bundles); err != nil {
			return err
		}
	}
	return c.Client.Update(ctx, object, options...)
}
