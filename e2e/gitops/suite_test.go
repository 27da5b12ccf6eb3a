// SPDX-License-Identifier: Apache-2.0

// Package gitops_test proves with the real Flux and Argo CD that the chart and the examples can be driven from Git. Its
// suites begin with a cluster that does not have our chart, and leave none; the cluster must be one that nobody else
// uses meanwhile.
//
//	go test ./gitops -kubeconfig FILE -registry HOST:PORT [-image REFERENCE] [-ginkgo.label-filter flux|argocd]
package gitops_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/windlass-operator/windlass/e2e/framework"
	"github.com/windlass-operator/windlass/e2e/internal/gitserver"
)

var (
	options   framework.Options
	cluster   *framework.Cluster
	release   *framework.Release
	gitServer *gitserver.Server
	// workspace holds the repositories, and the files and logs of the tools. It goes when all specs are done.
	workspace string
)

func init() {
	options.AddFlags(flag.CommandLine)
}

func TestGitOps(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(framework.Patience)
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	log.SetLogger(GinkgoLogr)
	RunSpecs(t, "Windlass driven from Git")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	cluster, err = framework.Connect(options)
	Expect(err).NotTo(HaveOccurred())
	release, err = cluster.Release()
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.CheckImages(ctx, cluster.Image(release), framework.AppImage, framework.SidecarImage, framework.SidecarImageV2)).To(Succeed())
	installed, err := release.Installed()
	Expect(err).NotTo(HaveOccurred())
	Expect(installed).To(BeFalse(), "the chart is installed in this cluster: these suites must begin without it, run helm uninstall first")

	workspace, err = os.MkdirTemp("", "windlass-gitops-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(os.RemoveAll(workspace)).To(Succeed()) })
	gitServer, err = gitserver.Start(ctx, workspace, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(gitServer.Stop()).To(Succeed()) })
}, NodeTimeout(framework.SpecPatience))

// figure shows a measured value in the report of the spec, also when it passes.
func figure(name, format string, args ...any) {
	GinkgoHelper()
	AddReportEntry(name, fmt.Sprintf(format, args...))
}
