// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"io"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = queriesPerSecond, burst
	config.UserAgent = "kubectl-windlass/" + program.Version
	config.WarningHandler = rest.NewWarningWriter(warnings, rest.WarningWriterOptions{Deduplicate: true})
	mapper, err := flags.ToRESTMapper()
	if err != nil {
		return nil, fmt.Errorf("ask the API server for its kinds: %w", err)
	}
	return client.New(config, client.Options{Scheme: program.Scheme(), Mapper: mapper})
}
