// SPDX-License-Identifier: Apache-2.0

// Package flux runs Flux's source-, kustomize- and helm-controller as plain processes beside a cluster, and reads and
// writes their objects.
package flux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/windlass-operator/windlass/e2e/internal/process"
)

// Namespace is that of Flux and of its objects.
const Namespace = "flux-system"

// The programs, by the names of their repositories.
const (
	SourceController    = "source-controller"
	KustomizeController = "kustomize-controller"
	HelmController      = "helm-controller"
)

// Programs are those that Start needs.
func Programs() []string { return []string{SourceController, KustomizeController, HelmController} }

// Config says what to run.
type Config struct {
	// Kubeconfig is the file that names the cluster. Flux's definitions and its namespace must be in the cluster.
	Kubeconfig string
	// Binaries are the files of the programs, by name.
	Binaries map[string]string
	// Directory is where the programs' files and logs go. It must exist.
	Directory string
}

// Flux is a running Flux.
type Flux struct {
	processes []*process.Process
}

// Start runs Flux and returns when its three programs are healthy.
func Start(ctx context.Context, config Config) (*Flux, error) {
	artifacts, err := process.FreeAddresses(1)
	if err != nil {
		return nil, fmt.Errorf("start Flux: %w", err)
	}
	storage := filepath.Join(config.Directory, "artifacts")
	if err := os.MkdirAll(storage, 0o755); err != nil {
		return nil, fmt.Errorf("start Flux: %w", err)
	}
	f := &Flux{}
	for _, name := range Programs() {
		var args []string
		if name == SourceController {
			args = []string{
				"--storage-path", storage, "--storage-addr", artifacts[0], "--storage-adv-addr", artifacts[0],
			}
		}
		if err := f.start(ctx, config, name, args...); err != nil {
			return nil, errors.Join(fmt.Errorf("start Flux: %w", err), f.Stop())
		}
	}
	return f, nil
}

func (f *Flux) start(ctx context.Context, config Config, name string, args ...string) error {
	addresses, err := process.FreeAddresses(2)
	if err != nil {
		return err
	}
	metrics, health := addresses[0], addresses[1]
	p, err := process.Start(ctx, process.Command{
		Name: name,
		Path: config.Binaries[name],
		Env:  []string{"KUBECONFIG=" + config.Kubeconfig, "RUNTIME_NAMESPACE=" + Namespace},
		Args: append(args,
			"--enable-leader-election=false", "--watch-all-namespaces=true", "--events-addr=",
			"--metrics-addr", metrics, "--health-addr", health,
			// What failed because something else is not there yet is to be tried again soon, not minutes later.
			"--requeue-dependency", "2s", "--max-retry-delay", "5s"),
		Directory: config.Directory,
		HealthURL: "http://" + health + "/readyz",
	})
	if err != nil {
		return err
	}
	f.processes = append(f.processes, p)
	return nil
}

// Check fails if one of the programs has ended although nobody stopped it.
func (f *Flux) Check() error {
	failures := make([]error, 0, len(f.processes))
	for _, p := range f.processes {
		failures = append(failures, p.Check())
	}
	return errors.Join(failures...)
}

// LogTail is the last lines of each program's log.
func (f *Flux) LogTail(lines int) string {
	out := &strings.Builder{}
	for _, p := range f.processes {
		fmt.Fprintf(out, "---- %s\n%s\n", p.Name(), p.LogTail(lines))
	}
	return out.String()
}

// Log is all that a program has written so far, empty when there is no such program.
func (f *Flux) Log(name string) string {
	for _, p := range f.processes {
		if p.Name() == name {
			return p.Log()
		}
	}
	return ""
}

// Stop ends the programs, those that use the sources first.
func (f *Flux) Stop() error {
	var failures []error
	for i := len(f.processes) - 1; i >= 0; i-- {
		failures = append(failures, f.processes[i].Stop())
	}
	return errors.Join(failures...)
}
