package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
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

// installDefinitions installs the definitions, or brings those that are there up to date, and waits until the cluster serves them.
func installDefinitions(ctx context.Context, config *rest.Config) error {
	for _, d := range []definitions{monitoring} {
		paths, err := d.paths(ctx)
		if err != nil {
			return err
		}
		options := envtest.CRDInstallOptions{Paths: paths, ErrorIfPathMissing: true}
		if _, err := envtest.InstallCRDs(config, options); err != nil {
			return fmt.Errorf("install the definitions of %s: %w", d.module, err)
		}
		fmt.Println("neighbours: installed the definitions of", d.module)
	}
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
