// SPDX-License-Identifier: Apache-2.0

// Package fixedpoint applies the examples to a real API server, as people and GitOps tools do: what is stored must be
// what stands in Git, and applying it again must change nothing.
package fixedpoint

import (
	"io"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
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
	var definitions []string
	for _, tool := range gitOpsTools {
		definitions = append(definitions, tool.definitions(ctx)...)
	}
	server := apiserver.Start(func(cluster *envtest.Environment) {
		cluster.CRDDirectoryPaths = append(cluster.CRDDirectoryPaths, definitions...)
		cluster.WebhookInstallOptions.MutatingWebhooks, cluster.WebhookInstallOptions.ValidatingWebhooks = configurations()
	})
	k8s = server.Client
	serveWebhooks(server)

	admin, err := server.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	Expect(err).NotTo(HaveOccurred())
	kubectl, err = admin.Kubectl()
	Expect(err).NotTo(HaveOccurred())
})
