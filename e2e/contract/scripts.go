// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// argoCD is the module that has Argo CD's scripts. tools/argocd says which version.
const argoCD = "github.com/argoproj/argo-cd/v3"

// Group is the API group of our kinds, under which scripts are kept.
const Group = "apps.kruise.io"

// Builtin is the directory with the scripts that Argo CD brings along for a kind. They come with the Go module of the
// version in tools/argocd, which is downloaded unless it is here already. root is the repository's directory.
func Builtin(root, kind string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", argoCD)
	command.Dir = filepath.Join(root, "tools", "argocd")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("download the module %s: %w: %s%s", argoCD, err, complaints.String(), out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", fmt.Errorf("where the module %s lies: %w", argoCD, err)
	}
	return filepath.Join(module.Dir, "resource_customizations", Group, kind), nil
}

// Own is the directory with the scripts of examples/argocd for a kind.
func Own(root, kind string) string {
	return filepath.Join(root, "examples", "argocd", "customizations", Group, kind)
}

// HealthScript reads the health script of a directory.
func HealthScript(directory string) (string, error) {
	script, err := os.ReadFile(filepath.Join(directory, "health.lua"))
	return string(script), err
}
