// SPDX-License-Identifier: Apache-2.0

// Package apiserver gives a suite a real API server of its own, with our CustomResourceDefinitions, and runs in it what
// the programs run. It is for suites of Ginkgo: what it starts ends with them, and what fails, fails them.
package apiserver

import (
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/program"
)

// Server is an etcd and a kube-apiserver.
type Server struct {
	*envtest.Environment
	// Config is that of an administrator, without any limit to its requests. Its warnings are in Warnings.
	Config *rest.Config
	// Client knows all kinds that our programs know.
	Client client.WithWatch
	// Warnings are those that the API server sent to whoever uses Config.
	Warnings *build.Warnings
}

// Start starts an API server until the suite ends; change, if not nil, changes how. Without KUBEBUILDER_ASSETS the suite
// is skipped, and fails if WINDLASS_REQUIRE_ENVTEST is set.
func Start(change func(*envtest.Environment)) *Server {
	GinkgoHelper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		const missing = "KUBEBUILDER_ASSETS does not say where etcd and kube-apiserver are; " +
			"make test-integration builds both and sets it"
		if os.Getenv("WINDLASS_REQUIRE_ENVTEST") != "" {
			Fail(missing)
		}
		Skip(missing)
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	s := &Server{
		Environment: &envtest.Environment{
			CRDDirectoryPaths: []string{filepath.Join(Root(), "api", "crds")}, ErrorIfCRDPathMissing: true,
			// A busy machine needs longer than the defaults of 20 and 10 seconds.
			ControlPlaneStartTimeout: time.Minute, CRDInstallOptions: envtest.CRDInstallOptions{MaxTime: time.Minute},
		},
		Warnings: &build.Warnings{},
	}
	if change != nil {
		change(s.Environment)
	}
	DeferCleanup(s.Stop)
	var err error
	s.Config, err = s.Start()
	Expect(err).NotTo(HaveOccurred())
	s.Config.QPS, s.Config.WarningHandler = -1, s.Warnings
	s.Client, err = client.NewWithWatch(s.Config, client.Options{Scheme: program.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return s
}

// Root is the directory of the repository: the nearest one above a suite that has our CustomResourceDefinitions.
func Root() string {
	GinkgoHelper()
	directory, err := os.Getwd()
	Expect(err).NotTo(HaveOccurred())
	for {
		if _, err := os.Stat(filepath.Join(directory, "api", "crds")); err == nil {
			return directory
		}
		above := filepath.Dir(directory)
		Expect(above).NotTo(Equal(directory), "no directory above this suite has api/crds")
		directory = above
	}
}
