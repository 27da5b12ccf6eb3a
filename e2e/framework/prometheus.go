// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/api"
	prometheusv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/windlass-operator/windlass/e2e/internal/checkout"
	"github.com/windlass-operator/windlass/e2e/internal/process"
)

// Prometheus is one that runs beside a spec, as a process of this machine.
type Prometheus struct {
	prometheusv1.API
	process *process.Process
}

// StartPrometheus runs Prometheus with a configuration file in a directory that holds what it names, and returns when it
// is ready.
func StartPrometheus(ctx context.Context, directory, configuration string) (*Prometheus, error) {
	binary, err := checkout.Tool(ctx, "prometheus")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(directory, "prometheus.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return nil, fmt.Errorf("configure Prometheus: %w", err)
	}
	addresses, err := process.FreeAddresses(1)
	if err != nil {
		return nil, err
	}
	url := "http://" + addresses[0]
	running, err := process.Start(ctx, process.Command{
		Name: "prometheus", Path: binary, Directory: directory, HealthURL: url + "/-/ready",
		Args: []string{"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(directory, "data"), "--web.listen-address=" + addresses[0]},
	})
	if err != nil {
		return nil, err
	}
	client, err := api.NewClient(api.Config{Address: url})
	if err != nil {
		return nil, fmt.Errorf("client for Prometheus at %s: %w", url, err)
	}
	return &Prometheus{prometheusv1.NewAPI(client), running}, nil
}

// Stop ends it.
func (p *Prometheus) Stop() error { return p.process.Stop() }

// Values are those of an expression now, by the value of a label.
func (p *Prometheus) Values(ctx context.Context, expression, by string) (map[string]float64, error) {
	if err := p.process.Check(); err != nil {
		return nil, err
	}
	result, _, _, err := p.Query(ctx, expression, time.Now())
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus for %s: %w", expression, err)
	}
	vector, ok := result.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("%s is a %s, not a vector", expression, result.Type())
	}
	out := map[string]float64{}
	for _, sample := range vector {
		out[string(sample.Metric[model.LabelName(by)])] = float64(sample.Value)
	}
	return out, nil
}
