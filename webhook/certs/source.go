// Package certs provides the certificates that the webhook serves with, and
// keeps the CA in the webhook configurations.
package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// Source serves the certificate of a Secret, straight from a watch on it: a new
// one is served milliseconds after it was written, without a restart and
// without the minute that a mounted Secret takes.
type Source struct {
	config *rest.Config
	scheme *runtime.Scheme
	secret types.NamespacedName
	// marker is a directory where the served certificate (not its key) is
	// written, for who wants to see it on disk.
	marker string

	current atomic.Pointer[tls.Certificate]
	once    sync.Once
	loaded  chan struct{}
}

// NewSource watches one Secret. marker is a directory to which tls.crt is
// written once it is served.
func NewSource(config *rest.Config, scheme *runtime.Scheme, secret types.NamespacedName, marker string) *Source {
	return &Source{config: config, scheme: scheme, secret: secret, marker: marker, loaded: make(chan struct{})}
}

// Loaded is closed when there is a certificate to serve.
func (s *Source) Loaded() <-chan struct{} { return s.loaded }

// NeedLeaderElection is false: every replica serves.
func (s *Source) NeedLeaderElection() bool { return false }

// GetCertificate returns the newest certificate. It is a
// tls.Config.GetCertificate.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := s.current.Load(); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("there is no certificate in Secret %s yet", s.secret)
}

// Start watches the Secret until the context ends.
func (s *Source) Start(ctx context.Context) error {
	only := cache.ByObject{Field: fields.OneTermEqualSelector("metadata.name", s.secret.Name)}
	c, err := cache.New(s.config, cache.Options{
		Scheme:            s.scheme,
		DefaultNamespaces: map[string]cache.Config{s.secret.Namespace: {FieldSelector: only.Field}},
	})
	if err != nil {
		return fmt.Errorf("watch Secret %s: %w", s.secret, err)
	}
	informer, err := c.GetInformer(ctx, &corev1.Secret{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch Secret %s: %w", s.secret, err)
	}
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { s.load(ctx, object) },
		UpdateFunc: func(_, object any) { s.load(ctx, object) },
	}); err != nil {
		return fmt.Errorf("watch Secret %s: %w", s.secret, err)
	}
	return c.Start(ctx)
}

// load takes a new certificate into service. A bad one is logged, and the last
// good one is served on.
func (s *Source) load(ctx context.Context, object any) {
	secret, ok := object.(*corev1.Secret)
	if !ok || len(secret.Data[corev1.TLSCertKey]) == 0 {
		return // it is still empty: the provider fills it
	}
	log := ctrl.LoggerFrom(ctx).WithValues("secret", s.secret.String())
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		log.Error(err, "the Secret holds no usable certificate; the last good one is served on")
		return
	}
	if old := s.current.Load(); old != nil && bytes.Equal(old.Certificate[0], pair.Certificate[0]) {
		return
	}
	s.current.Store(&pair)
	log.Info("serving certificate", "serial", pair.Leaf.SerialNumber.String(), "notAfter", pair.Leaf.NotAfter)
	if err := s.mark(secret.Data[corev1.TLSCertKey]); err != nil {
		log.Error(err, "the certificate is served, but cannot be written to disk")
		return
	}
	s.once.Do(func() { close(s.loaded) })
}

func (s *Source) mark(certificate []byte) error {
	if s.marker == "" {
		return errors.New("no directory is configured")
	}
	return os.WriteFile(filepath.Join(s.marker, corev1.TLSCertKey), certificate, 0o600)
}
