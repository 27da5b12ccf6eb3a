// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// askTimeout is how long the API server has for an answer.
	askTimeout = 10 * time.Second
	// firstPause and longestPause are how long it is waited between two questions.
	firstPause, longestPause = time.Second, 15 * time.Second
)

// AwaitAPIServer returns true once the API server answers. A program that starts before it, as after the loss of power,
// need not be started again and again. Meanwhile probes are answered: it is alive, and not ready. It returns false when
// the context ends.
func (o *Options) AwaitAPIServer(ctx context.Context, config *rest.Config) (bool, error) {
	short := rest.CopyConfig(config)
	short.Timeout = askTimeout
	client, err := discovery.NewDiscoveryClientForConfig(short)
	if err != nil {
		return false, fmt.Errorf("set up questions to the API server: %w", err)
	}
	ask := func() error {
		_, err := client.ServerVersion()
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) { // that is an answer, too
			return nil
		}
		return err
	}
	if err = ask(); err == nil {
		return true, nil
	}
	stop, unprobed := answerProbes(ctx, o.ProbeAddress)
	defer stop()
	log := ctrl.Log.WithName("start")
	if unprobed != nil {
		log.Error(unprobed, "probes are not answered before the API server answers")
	}
	for pause := firstPause; err != nil; pause = min(2*pause, longestPause) {
		log.Info("the API server does not answer; waiting for it", "address", config.Host, "why", err.Error(), "nextTry", pause.String())
		select {
		case <-ctx.Done():
			return false, nil
		case <-time.After(pause):
		}
		err = ask()
	}
	log.Info("the API server answers", "address", config.Host)
	return true, nil
}

// answerProbes says that the program lives and is not ready, until it is stopped.
func answerProbes(ctx context.Context, address string) (stop func(), err error) {
	if address == "" || address == "0" {
		return func() {}, nil
	}
	listening, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return func() {}, fmt.Errorf("answer probes: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the API server does not answer yet", http.StatusServiceUnavailable)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: askTimeout}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listening); !errors.Is(err, http.ErrServerClosed) {
			ctrl.Log.WithName("start").Error(err, "probes are answered no more")
		}
	}()
	return func() {
		_ = server.Close()
		<-ended
	}, nil
}
