// SPDX-License-Identifier: Apache-2.0

// Package fixedpoint applies the examples to a real API server, as people and GitOps tools do: what is stored must be
// what stands in Git, and applying it again must change nothing.
package fixedpoint

import (
	"io"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

const examplesDir = "../../../examples"

var (
	k8s     client.Client
	kubectl interface {
		Run(arguments ...string) (stdout, stderr io.Reader, err error)
	}
)

func TestFixedPoint(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The examples on a real API server")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		const missing = "KUBEBUILDER_ASSETS does not say where etcd and kube-apiserver are; make test-integration builds both and sets it"
		if os.Getenv("WINDLASS_REQUIRE_ENVTEST") != "" {
			Fail(missing)
		}
		Skip(missing)
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	crds := []string{"../../../api/crds"}
	for _, tool := range gitOpsTools {
		crds = append(crds, tool.definitions(ctx)...)
	}
	mutating, validating := configurations()
	cluster := &envtest.Environment{
		CRDDirectoryPaths: crds, ErrorIfCRDPathMissing: true,
		// Argo CD's definitions are large, and a busy machine needs longer than the defaults of 20 and 10 seconds.
		ControlPlaneStartTimeout: time.Minute, CRDInstallOptions: envtest.CRDInstallOptions{MaxTime: time.Minute},
		WebhookInstallOptions: envtest.WebhookInstallOptions{MutatingWebhooks: mutating, ValidatingWebhooks: validating},
	}
	DeferCleanup(cluster.Stop)
	config, err := cluster.Start()
	Expect(err).NotTo(HaveOccurred())
	k8s, err = client.New(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	serveWebhooks(config, cluster.WebhookInstallOptions)

	admin, err := cluster.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	Expect(err).NotTo(HaveOccurred())
	kubectl, err = admin.Kubectl()
	Expect(err).NotTo(HaveOccurred())
})
