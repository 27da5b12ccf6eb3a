package certs

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// Provider obtains serving certificates and keeps the CA in the webhook
// configurations.
type Provider interface {
	// Start works until the context ends.
	Start(ctx context.Context) error
	// Ready is closed when a certificate is served and the webhook
	// configurations that exist carry its CA.
	Ready() <-chan struct{}
}

// SelfSigned makes and rotates a CA and certificates of its own, in a Secret
// that every replica reads and any may write.
type SelfSigned struct {
	// Secret holds them; it must exist, empty is fine.
	Secret types.NamespacedName
	// ServiceName is the Service that the API server calls.
	ServiceName string
	// Mutating and Validating name the webhook configurations to keep.
	Mutating, Validating string
	// CAValidity and CertValidity are how long new ones last. RotateBefore is
	// how long before the end they are replaced, and must be less than both.
	CAValidity, CertValidity, RotateBefore time.Duration
	// CheckInterval is how often that is looked at.
	CheckInterval time.Duration
	// Served is a directory where tls.crt appears once it is served.
	Served string

	manager manager.Manager
	ready   chan struct{}
}

var _ Provider = &SelfSigned{}

// Setup checks the durations and prepares the rotator in a small manager of its
// own, so that nothing else of the program depends on it.
func (p *SelfSigned) Setup(config *rest.Config, scheme *runtime.Scheme) error {
	if p.RotateBefore >= p.CertValidity || p.RotateBefore >= p.CAValidity {
		return fmt.Errorf("--cert-rotate-before=%s: must be less than --cert-validity=%s and --ca-validity=%s, or certificates would be replaced at every look",
			p.RotateBefore, p.CertValidity, p.CAValidity)
	}
	var err error
	p.manager, err = manager.New(config, manager.Options{
		Scheme:                 scheme,
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
	})
	if err != nil {
		return fmt.Errorf("set up the certificates' manager: %w", err)
	}
	p.ready = make(chan struct{})
	return rotator.AddRotator(p.manager, p.rotator())
}

func (p *SelfSigned) rotator() *rotator.CertRotator {
	host := p.ServiceName + "." + p.Secret.Namespace + ".svc"
	return &rotator.CertRotator{
		SecretKey:      p.Secret,
		CertDir:        p.Served,
		CAName:         "windlass-ca",
		CAOrganization: "windlass",
		DNSName:        host,
		ExtraDNSNames:  []string{p.ServiceName + "." + p.Secret.Namespace, host + ".cluster.local"},
		IsReady:        p.ready,
		Webhooks: []rotator.WebhookInfo{
			{Name: p.Mutating, Type: rotator.Mutating},
			{Name: p.Validating, Type: rotator.Validating},
		},
		FieldOwner:             "windlass-certificates",
		CaCertDuration:         p.CAValidity,
		ServerCertDuration:     p.CertValidity,
		LookaheadInterval:      p.RotateBefore,
		RotationCheckFrequency: p.CheckInterval,
		EnableReadinessCheck:   true,
		ControllerName:         "windlass-certificates",
	}
}

// NeedLeaderElection is false: any replica may rotate, and conflicting writes
// settle it.
func (p *SelfSigned) NeedLeaderElection() bool { return false }

// Start works until the context ends.
func (p *SelfSigned) Start(ctx context.Context) error {
	return p.explain(p.manager.Start(ctx))
}

// explain says what to do about an error of the rotator. It fills the Secret,
// but may not create it.
func (p *SelfSigned) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return fmt.Errorf("certificates of Secret %s: create it again, empty, and it is filled: kubectl create secret generic %s --namespace %s: %w",
			p.Secret, p.Secret.Name, p.Secret.Namespace, err)
	default:
		return fmt.Errorf("certificates of Secret %s: %w", p.Secret, err)
	}
}

// Ready is closed when a certificate is served and its CA is injected.
func (p *SelfSigned) Ready() <-chan struct{} { return p.ready }
