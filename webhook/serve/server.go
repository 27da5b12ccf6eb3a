// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

var log = ctrl.Log.WithName("serve")

// shutdownTime is how long requests at work have when the program stops.
const shutdownTime = 20 * time.Second

// Options say what is served, and to whom.
type Options struct {
	// Port is where, on all addresses; 0 takes one that is free.
	Port int
	// GetCertificate finds the certificate to serve.
	GetCertificate GetCertificate
	// Clients say who may ask for reviews. Default: everybody.
	Clients *Clients
	// Limits bound what it may cost.
	Limits Limits
}

// Server is a webhook.Server that keeps to limits. Paths are measured as those of controller-runtime's own server are.
type Server struct {
	webhook.Server
	options Options
	mux     *http.ServeMux
	reviews *reviews
	// address is where it listens, once it does.
	address atomic.Pointer[net.TCPAddr]
}

var _ webhook.Server = &Server{}

// New returns a server that is started by a manager.
func New(options Options) *Server {
	mux := http.NewServeMux()
	return &Server{
		Server: webhook.NewServer(webhook.Options{WebhookMux: mux}), mux: mux,
		options: options, reviews: newReviews(options.Limits, options.Clients),
	}
}

// Register serves a handler of reviews, which API servers alone may ask where clients are limited, or any other
// handler, which everybody may.
func (s *Server) Register(path string, hook http.Handler) {
	_, isReview := hook.(*webhook.Admission)
	s.Server.Register(path, s.reviews.guard(hook, isReview))
}

// StartedChecker is healthy while the port is open. It does not call: a probe that fails because many call would take
// away a replica just then.
func (s *Server) StartedChecker() healthz.Checker {
	return func(*http.Request) error {
		if s.address.Load() == nil {
			return errors.New("the port for API servers is not open yet")
		}
		return nil
	}
}

// Start serves until the context ends.
func (s *Server) Start(ctx context.Context) error {
	listening, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+strconv.Itoa(s.options.Port))
	if err != nil {
		return fmt.Errorf("open the port for API servers: %w", err)
	}
	server := s.newServer(ctx)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		stopped <- server.Shutdown(last)
	}()
	if address, ok := listening.Addr().(*net.TCPAddr); ok {
		s.address.Store(address)
	}
	log.Info("serving", "address", listening.Addr().String(), "connections", s.options.Limits.Connections)
	table := newConnections(s.options.Limits.Connections)
	err = server.Serve(tls.NewListener(&listener{Listener: listening, table: table}, s.tlsConfig(table)))
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve API servers: %w", err)
	}
	return <-stopped
}

func (s *Server) tlsConfig(table *connections) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		// API servers resume no sessions, so a ticket is nothing but work.
		SessionTicketsDisabled: true,
		GetCertificate:         newHandshakes(s.options.GetCertificate, s.options.Limits, table).certificate,
	}
	if s.options.Clients != nil {
		// Asked for, not demanded: who shows none is told so, and the operator needs none.
		config.ClientAuth = tls.RequestClientCert
	}
	return config
}

func (s *Server) newServer(ctx context.Context) *http.Server {
	limits := s.options.Limits
	return &http.Server{
		Handler:           s.mux,
		ReadHeaderTimeout: limits.HeaderTime, // and for the handshake
		ReadTimeout:       limits.BodyTime,
		IdleTimeout:       limits.IdleTime,
		MaxHeaderBytes:    limits.Header,
		// Requests at work are finished when the program is told to stop.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ConnContext: withConnection,
		// Whoever breaks off a handshake would write our log.
		ErrorLog: stdlog.New(quietly{}, "", 0),
	}
}

// withConnection lets requests know what they came on.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

// quietly logs the errors of a server at level debug.
type quietly struct{}

func (quietly) Write(line []byte) (int, error) {
	log.V(1).Info(strings.TrimSpace(string(line)))
	return len(line), nil
}
