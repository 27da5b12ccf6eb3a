// SPDX-License-Identifier: Apache-2.0

// Package suites_test proves on a real cluster what the project promises. All specs share one cluster; each has
// namespaces and SidecarSets of its own.
//
//	go test ./suites/... -kubeconfig FILE [-registry HOST:PORT] [-image REFERENCE]
package suites_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/e2e/framework"
)

var (
	options framework.Options
	cluster *framework.Cluster
	release *framework.Release
)

// replicas is how many Pods the chart gives to each of the two programs.
const replicas = 2

func init() {
	options.AddFlags(flag.CommandLine)
}

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(framework.Patience)
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "Windlass on a real cluster")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	cluster, err = framework.Connect(options)
	Expect(err).NotTo(HaveOccurred())
	release, err = cluster.Release()
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.CheckImages(ctx, cluster.Image(release), framework.AppImage,
		framework.SidecarImage, framework.SidecarImageV2, framework.SidecarImageV3)).To(Succeed())
	Expect(release.EnsureInstalled(ctx)).To(Succeed())
}, NodeTimeout(framework.SpecPatience))

// figure shows a measured value in the report of the spec, also when it passes.
func figure(name, format string, args ...any) {
	GinkgoHelper()
	AddReportEntry(name, fmt.Sprintf(format, args...))
}
