// SPDX-License-Identifier: Apache-2.0

// Package console_test does on a real cluster what the pages say: it types their commands, compares what comes back with
// what they show, and has the API server check their manifests.
//
//	go test ./docs/console -kubeconfig FILE -registry HOST:PORT -cluster NAME [-ginkgo.focus docs/faq.md] [-update]
//
// With -update a page gets what came back in the place of what it shows where the two differ.
package console_test

import (
	"flag"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/e2e/docs"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const repository = "../../.."

var (
	options framework.Options
	update  bool
	cluster *framework.Cluster
	release *framework.Release
)

func init() {
	options.AddFlags(flag.CommandLine)
	flag.BoolVar(&update, "update", false, "write what came back into the pages")
}

func TestPages(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "What the pages say")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	cluster, err = framework.Connect(options)
	Expect(err).NotTo(HaveOccurred())
	release, err = cluster.Release()
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.CheckImages(ctx, cluster.Image(release), framework.AppImage)).To(Succeed())
	Expect(standIns(ctx)).To(Succeed())
}, NodeTimeout(framework.SpecPatience))

// These say how to install and how to uninstall, so they begin without an installation, or end so.
const (
	installing   = "docs/quickstart.md"
	uninstalling = "docs/how-to/uninstall.md"
)

// The pages share one cluster, each with nothing of the others in it.
var _ = Describe("The commands of", Ordered, ContinueOnFailure, func() {
	paths, err := docs.Pages(repository)
	if err != nil {
		panic(err)
	}
	for _, path := range inOrder(paths) {
		page, err := docs.Read(repository, path)
		if err != nil {
			panic(err)
		}
		if !tried(page) {
			continue
		}
		It(path, func(ctx SpecContext) { try(ctx, page) }, SpecTimeout(framework.SpecPatience))
	}
})
