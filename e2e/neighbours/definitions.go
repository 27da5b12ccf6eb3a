// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// definitions are files of Go modules which nothing here imports, so that no go.mod names them.
type definitions struct {
	// module is the module and its version, as `go mod download` takes them.
	module string
	// files are paths below the module's root.
	files []string
}

var monitoring = definitions{
	module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
	files: []string{
		"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
		"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
	},
}

// installDefinitions installs the definitions and waits until the cluster serves them.
func installDefinitions(ctx context.Context, cluster *framework.Cluster) error {
	if _, err := cluster.InstallCertManagerDefinitions(ctx); err != nil {
		return err
	}
	paths, err := monitoring.paths(ctx)
	if err != nil {
		return err
	}
	options := envtest.CRDInstallOptions{Paths: paths, ErrorIfPathMissing: true}
	if _, err := envtest.InstallCRDs(cluster.Config, options); err != nil {
		return fmt.Errorf("install the definitions of %s: %w", monitoring.module, err)
	}
	fmt.Println("neighbours: installed the definitions of cert-manager and of", monitoring.module)
	return nil
}

// paths downloads the module, unless it is in the module cache, and returns where its files are.
func (d definitions) paths(ctx context.Context) ([]string, error) {
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", d.module)
	output, err := download.Output()
	var reply struct{ Dir, Error string }
	if decodeErr := json.NewDecoder(bytes.NewReader(output)).Decode(&reply); decodeErr != nil {
		return nil, fmt.Errorf("download %s: %w", d.module, errors.Join(err, decodeErr))
	}
	if reply.Error != "" {
		return nil, fmt.Errorf("download %s: %s", d.module, reply.Error)
	}
	paths := make([]string, 0, len(d.files))
	for _, file := range d.files {
		paths = append(paths, filepath.Join(reply.Dir, file))
	}
	return paths, nil
}
