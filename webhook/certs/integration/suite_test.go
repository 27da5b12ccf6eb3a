// SPDX-License-Identifier: Apache-2.0

// Package integration has the certificates of both providers watched on a real API server, with cert-manager's own
// CustomResourceDefinitions.
package integration

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// patience is how long a watch may take.
const patience = 20 * time.Second

var (
	config *rest.Config
	k8s    client.Client
)

func TestCertificates(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Certificates on a real API server")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(patience)
	EnforceDefaultTimeoutsWhenUsingContexts()
	server := apiserver.Start(func(cluster *envtest.Environment) { cluster.CRDDirectoryPaths = nil })
	config, k8s = server.Config, server.Client
	Expect(cmapi.AddToScheme(k8s.Scheme())).To(Succeed())
})

// installCertManager installs the definitions of the version that the webhook is built with.
func installCertManager(ctx context.Context) {
	GinkgoHelper()
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	Expect(err).NotTo(HaveOccurred())
	_, err = envtest.InstallCRDs(config, envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(strings.TrimSpace(string(out)), "deploy", "crds")}, ErrorIfPathMissing: true,
	})
	Expect(err).NotTo(HaveOccurred())
}
