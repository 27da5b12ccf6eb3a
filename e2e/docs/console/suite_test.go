// SPDX-License-Identifier: Apache-2.0

// Package console_test does on a real cluster what the pages say: it types their commands, compares what comes back with
// what they show, and has the API server check their manifests.
//
//	go test ./docs/console -kubeconfig FILE -registry HOST:PORT -cluster NAME [-ginkgo.focus docs/faq.md] [-update]
//
// With -update a page gets what came back in the place of what it shows where the two differ.
package console_test

import (
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/e2e/docs"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const repository = "../../.."

var (
	options framework.Options
	update  bool
	cluster *framework.Cluster
	release *framework.Release
	// kept are the namespaces that no page has made, as kubectl names them, line by line.
	kept string
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
	Expect(ownCluster()).To(Succeed())
	var err error
	cluster, err = framework.Connect(options)
	Expect(err).NotTo(HaveOccurred())
	release, err = cluster.Release()
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.CheckImages(ctx, cluster.Image(release), framework.AppImage)).To(Succeed())
	Expect(standIns(ctx)).To(Succeed())
	namespaces := &corev1.NamespaceList{}
	Expect(cluster.Client.List(ctx, namespaces)).To(Succeed())
	kept = "namespace/" + options.Namespace
	for i := range namespaces.Items {
		kept += "\nnamespace/" + namespaces.Items[i].Name
	}
}, NodeTimeout(framework.SpecPatience))

// ownCluster returns an error unless the cluster is one that bin/cluster brought up: the pages take everything away that
// they find in it.
func ownCluster() error {
	if options.Cluster == "" {
		return errors.New("-cluster is empty: the pages delete what they find, so name a cluster that bin/cluster brought up")
	}
	output, err := exec.Command(filepath.Join(repository, "bin/cluster"), "env", "--name", options.Cluster).CombinedOutput()
	if err != nil {
		return fmt.Errorf("bin/cluster does not know the cluster %s: %w: %s", options.Cluster, err, output)
	}
	if !strings.Contains(string(output), options.Kubeconfig) {
		return fmt.Errorf("%s is not the kubeconfig of the cluster %s; the pages delete what they find in a cluster", options.Kubeconfig, options.Cluster)
	}
	return nil
}

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
