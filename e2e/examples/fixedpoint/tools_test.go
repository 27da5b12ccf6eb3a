// SPDX-License-Identifier: Apache-2.0

package fixedpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/gomega"
)

// gitOpsTool is a module below tools/ that requires a GitOps tool, and where in the tool's own module its definitions
// are.
type gitOpsTool struct {
	pinnedIn, module, files string
}

var gitOpsTools = []gitOpsTool{
	{"argocd", "github.com/argoproj/argo-cd/v3", "manifests/crds/*-crd.yaml"},
	{"flux", "github.com/fluxcd/source-controller", "config/crd/bases/*.yaml"},
	{"flux", "github.com/fluxcd/kustomize-controller", "config/crd/bases/*.yaml"},
	{"flux", "github.com/fluxcd/helm-controller", "config/crd/bases/*.yaml"},
}

// definitions are the files of its CustomResourceDefinitions, from the module cache.
func (g gitOpsTool) definitions(ctx context.Context) []string {
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", g.module)
	command.Dir = filepath.Join("../../../tools", g.pinnedIn)
	output, err := command.Output()
	var reply struct{ Dir, Error string }
	ExpectWithOffset(1, json.NewDecoder(bytes.NewReader(output)).Decode(&reply)).To(Succeed(), "%s: %v", command, err)
	ExpectWithOffset(1, reply.Error).To(BeEmpty(), g.module)
	files, err := filepath.Glob(filepath.Join(reply.Dir, g.files))
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	ExpectWithOffset(1, files).NotTo(BeEmpty(), "%s has no %s", g.module, g.files)
	return files
}
