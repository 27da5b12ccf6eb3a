// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"io"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/cli/internal/dashboard"
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
