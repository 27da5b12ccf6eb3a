// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/e2e/docs"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// images are those of the pages. No cluster of ours reaches the registries that have them, so the test's own image stands in for
// each, told to do nothing.
var images = []string{
	"registry.k8s.io/pause:3.8", "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10",
	"docker.io/library/nginx:1.27", "docker.io/library/nginx:1.28", "docker.io/library/nginx:1.29",
}

// standIns puts images into the cluster's registry under the names that the pages have, the product's own among them.
func standIns(ctx context.Context) error {
	for _, image := range images {
		if err := cluster.PushVariant(ctx, framework.AppImage, image, framework.Variant{Args: []string{"sleep"}}); err != nil {
			return err
		}
	}
	return cluster.PushVariant(ctx, cluster.Image(release), "registry.example.com/windlass:0.1.0", framework.Variant{})
}

// newReader sits down in a directory that has what a checkout has.
func newReader(_ context.Context, page *docs.Page) *reader {
	root, err := filepath.Abs(repository)
	Expect(err).NotTo(HaveOccurred())
	r := &reader{page: page, directory: GinkgoT().TempDir(), names: docs.Names{}}
	for _, name := range []string{"charts", "examples", "docs", "Makefile"} {
		Expect(os.Symlink(filepath.Join(root, name), filepath.Join(r.directory, name))).To(Succeed())
	}
	// The pages call the cluster "dev". It belongs to the checkout.
	Expect(os.Mkdir(filepath.Join(r.directory, "bin"), 0o755)).To(Succeed())
	script := fmt.Sprintf("#!/bin/bash\ncd %s && exec bin/cluster \"${@/#dev/%s}\"\n", root, options.Cluster)
	Expect(os.WriteFile(filepath.Join(r.directory, "bin", "cluster"), []byte(script), 0o755)).To(Succeed())
	return r
}

// run runs a script in a shell, as somebody who types it into one, and returns what it writes to the standard output and to the
// standard error. The checkout's own plug-in is that of kubectl.
func (r *reader) run(ctx context.Context, script, input string) (string, error) {
	root, err := filepath.Abs(repository)
	if err != nil {
		return "", err
	}
	var output bytes.Buffer
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	// What the shell has started ends with it, should it take too long.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 5 * time.Second
	command.Dir = r.directory
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &output, &output
	command.Env = append(os.Environ(),
		"KUBECONFIG="+options.Kubeconfig,
		"PATH="+filepath.Join(root, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		// What another cluster at this address served must not be taken for what this one does.
		"KUBECACHEDIR="+filepath.Join(r.directory, ".kube"),
	)
	err = command.Run()
	return output.String(), err
}

// tidyUp deletes what a page has made, and waits until its Pods are gone. Its input are the namespaces that stay.
const tidyUp = `
kept=$(cat)
{ kubectl get sidecarsets -o name 2>/dev/null || true; } | xargs --no-run-if-empty kubectl delete --ignore-not-found
for kind in statefulsets.apps.kruise.io schedpatches; do
  kubectl delete $kind --all --ignore-not-found 2>/dev/null || true
done
kubectl delete deployments,statefulsets.apps,jobs,cronjobs,poddisruptionbudgets --all --ignore-not-found --wait=false
kubectl delete pods --all --grace-period=1 --wait=false
kubectl get namespaces -o name | { grep -vxF "$kept" || true; } | xargs --no-run-if-empty kubectl delete
kubectl wait pods --all --for=delete --timeout=5m
kubectl delete events --all --wait=false
`

// leave tidies up behind a page.
func (r *reader) leave(ctx context.Context) {
	output, err := r.run(ctx, tidyUp, kept)
	Expect(err).NotTo(HaveOccurred(), output)
}
