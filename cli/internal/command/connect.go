// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/cli/internal/dashboard"
	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/operator/probe"
	"github.com/windlass-operator/windlass/program"
)

// Requests to the API server per second, on average and at once.
const (
	queriesPerSecond = 50
	burst            = 300
)

// Connect makes a client as kubectl does, from its flags, its environment and its configuration. Warnings of the API
// server are written, each once.
func Connect(flags *genericclioptions.ConfigFlags, warnings io.Writer) (client.Client, error) {
	config, err := configOf(flags)
	if err != nil {
		return nil, err
	}
	config.WarningHandler = rest.NewWarningWriter(warnings, rest.WarningWriterOptions{Deduplicate: true})
	return clientFor(flags, config)
}

// Watch makes a client in the same way, and watches the cluster until the context is done.
func Watch(ctx context.Context, flags *genericclioptions.ConfigFlags, namespace string) (dashboard.Source, error) {
	config, err := configOf(flags)
	if err != nil {
		return nil, err
	}
	config.WarningHandlerWithContext = dashboard.Warnings{}
	live, err := clientFor(flags, config)
	if err != nil {
		return nil, err
	}
	return dashboard.Watch(ctx, config, live, namespace)
}

func configOf(flags *genericclioptions.ConfigFlags) (*rest.Config, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = queriesPerSecond, burst
	config.UserAgent = "kubectl-windlass/" + program.Version
	return config, nil
}

func clientFor(flags *genericclioptions.ConfigFlags, config *rest.Config) (client.Client, error) {
	mapper, err := flags.ToRESTMapper()
	if err != nil {
		return nil, fmt.Errorf("ask the API server for its kinds: %w", err)
	}
	return client.New(config, client.Options{Scheme: program.Scheme(), Mapper: mapper})
}

// Inspect makes what looks at the cluster of the flags for `check`.
func Inspect(flags *genericclioptions.ConfigFlags) (*read.Inspector, error) {
	config, err := configOf(flags)
	if err != nil {
		return nil, err
	}
	heard, dates := &probe.Warnings{}, &dates{}
	config.WarningHandlerWithContext = heard
	config.Wrap(dates.between)
	scheme := program.Scheme()
	if err := errors.Join(apiextensionsv1.AddToScheme(scheme), cmapi.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	served, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	connected, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	return &read.Inspector{Client: connected, Served: served, Warnings: heard, Time: dates.latest}, nil
}

// dates notes what time the API server says that it is, to the second.
type dates struct {
	at atomic.Pointer[time.Time]
}

// latest is what it said last; zero when it has not said any.
func (d *dates) latest() time.Time {
	if at := d.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// between stands between a client and the API server.
func (d *dates) between(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err != nil {
			return response, err
		}
		if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			d.at.Store(&at)
		}
		return response, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip passes a request on.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// CanResize asks the API server that the flags name.
func CanResize(ctx context.Context, flags *genericclioptions.ConfigFlags) (bool, error) {
	config, err := configOf(flags)
	if err != nil {
		return false, err
	}
	served, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return false, err
	}
	return program.ServesResize(ctx, served)
}
