// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
	"github.com/windlass-operator/windlass/e2e/gitops/internal/flux"
	"github.com/windlass-operator/windlass/e2e/internal/checkout"
	"github.com/windlass-operator/windlass/e2e/internal/gitserver"
)

// Flux's objects in the examples, and their files. The one Kustomization that stands for the operator has its
// HelmRelease's name.
const (
	sourceName            = "windlass"
	operatorKustomization = "windlass"
	platformKustomization = "shop-platform"
	shopKustomization     = "shop"
	helmRelease           = "windlass"

	sourceFile   = "examples/flux/gitrepository.yaml"
	operatorFile = "examples/flux/kustomization-windlass.yaml"
	platformFile = "examples/flux/kustomization-platform.yaml"
	shopFile     = "examples/flux/kustomization-shop.yaml"
	helmFile     = "examples/flux/windlass/helmrelease.yaml"
)

// kustomizations are all of them, those first that others depend on.
var kustomizations = []string{operatorKustomization, platformKustomization, shopKustomization}

// fluxSuite is Flux, and the repository that it syncs from.
type fluxSuite struct {
	tool       *flux.Flux
	objects    flux.Objects
	repository *gitserver.Repository
	// head is the latest commit.
	head string
}

// startFlux publishes the repository and runs Flux, until the specs of the container are done.
func startFlux(ctx context.Context) *fluxSuite {
	GinkgoHelper()
	s := &fluxSuite{objects: flux.Objects{Client: cluster.Client}, repository: publish(ctx, "flux")}
	s.shorten(ctx)
	installFlux(ctx)

	config := flux.Config{Kubeconfig: options.Kubeconfig, Binaries: map[string]string{}, Directory: filepath.Join(workspace, "flux-files")}
	for _, name := range flux.Programs() {
		config.Binaries[name] = tool(ctx, name)
	}
	Expect(os.Mkdir(config.Directory, 0o755)).To(Succeed())
	var err error
	s.tool, err = flux.Start(ctx, config)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(s.tool.Stop()).To(Succeed()) })
	// What is left after a failure must go while Flux is there to let go of it.
	DeferCleanup(func(ctx SpecContext) { s.remove(ctx, kustomizations...); s.removeSource(ctx) }, NodeTimeout(framework.SpecPatience))
	return s
}

// shorten lets Flux compare with the cluster every few seconds instead of every few minutes: who fights over a field is
// to fight often.
func (s *fluxSuite) shorten(ctx context.Context) {
	GinkgoHelper()
	var edits []gitserver.Edit
	for _, file := range []string{operatorFile, platformFile, shopFile, helmFile} {
		edits = append(edits, gitserver.Replace(file, "interval: 10m", "interval: 10s"))
	}
	var err error
	s.head, err = s.repository.Commit(ctx, "Short intervals", edits...)
	Expect(err).NotTo(HaveOccurred())
}

// installFlux puts Flux's definitions and its namespace into the cluster until the specs of the container are done.
func installFlux(ctx context.Context) {
	GinkgoHelper()
	var directories []string
	for _, name := range flux.Programs() {
		directory, err := checkout.ModuleFile(ctx, "flux", "github.com/fluxcd/"+name, "config/crd/bases")
		Expect(err).NotTo(HaveOccurred())
		directories = append(directories, directory)
	}
	installed, err := cluster.InstallDefinitions(ctx, directories...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(cluster.RemoveDefinitions(ctx, installed...)).To(Succeed()) }, NodeTimeout(framework.SpecPatience))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: flux.Namespace}}
	Expect(cluster.Client.Create(ctx, namespace)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { removeNamespace(ctx, flux.Namespace) }, NodeTimeout(framework.SpecPatience))
}

// commit changes the repository and makes Flux fetch it at once.
func (s *fluxSuite) commit(ctx context.Context, message string, edits ...gitserver.Edit) {
	GinkgoHelper()
	var err error
	s.head, err = s.repository.Commit(ctx, message, edits...)
	Expect(err).NotTo(HaveOccurred())
	Expect(s.objects.Reconcile(ctx, flux.GitRepository, sourceName)).To(Succeed())
}

// apply applies a file of the repository, as `kubectl apply --server-side` does.
func (s *fluxSuite) apply(ctx context.Context, file string) {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(s.repository.Checkout, filepath.FromSlash(file)))
	Expect(err).NotTo(HaveOccurred())
	for _, object := range decode(content) {
		Expect(cluster.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("e2e"), client.ForceOwnership)).To(Succeed())
	}
}

// await waits until Kustomizations are ready with the latest commit.
func (s *fluxSuite) await(ctx context.Context, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		Eventually(ctx, func() error {
			if err := s.tool.Check(); err != nil {
				return StopTrying("Flux is not running").Wrap(err)
			}
			return s.objects.Applied(ctx, name, s.head)
		}).Should(Succeed())
	}
}

// awaitRelease waits until the chart of the latest commit is installed.
func (s *fluxSuite) awaitRelease(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		g.Expect(s.objects.Ready(ctx, flux.HelmRelease, helmRelease)).To(Succeed())
		history := s.releases(ctx)
		g.Expect(history[0].ChartVersion).To(ContainSubstring(s.head[:12]), "chart of the latest commit")
	}).Should(Succeed())
}

// releases are those of the HelmRelease, newest first.
func (s *fluxSuite) releases(ctx context.Context) []flux.Release {
	GinkgoHelper()
	object, err := s.objects.Get(ctx, flux.HelmRelease, helmRelease)
	Expect(err).NotTo(HaveOccurred())
	status, err := flux.StatusOf(object)
	Expect(err).NotTo(HaveOccurred())
	Expect(status.History).NotTo(BeEmpty())
	return status.History
}

// recordReady follows whether a Kustomization is ready. The function that it returns ends that and gives every status
// of the condition that there was with the latest commit, in order, until it was ready for the first time. Later ones
// say nothing: every look makes it Unknown for a moment.
func (s *fluxSuite) recordReady(ctx context.Context, name string) func() []metav1.ConditionStatus {
	GinkgoHelper()
	kind := schema.GroupVersionResource{Group: flux.Kustomization.Group, Version: flux.Kustomization.Version, Resource: "kustomizations"}
	history, err := cluster.RecordWrites(ctx, []schema.GroupVersionResource{kind}, func(o *unstructured.Unstructured) bool { return o.GetName() == name })
	Expect(err).NotTo(HaveOccurred())
	return func() (seen []metav1.ConditionStatus) {
		GinkgoHelper()
		writes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		for i := range writes {
			status, err := flux.StatusOf(writes[i].Object())
			Expect(err).NotTo(HaveOccurred())
			if strings.HasSuffix(status.LastAttemptedRevision, ":"+s.head) && !slices.Contains(seen, metav1.ConditionTrue) {
				seen = append(seen, status.Condition("Ready").Status)
			}
		}
		return slices.Compact(seen)
	}
}

// awaitRefusal waits until a Kustomization says that it could not apply the latest commit, and returns why.
func (s *fluxSuite) awaitRefusal(ctx context.Context, name string) (message string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		object, err := s.objects.Get(ctx, flux.Kustomization, name)
		g.Expect(err).NotTo(HaveOccurred())
		status, err := flux.StatusOf(object)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(status.LastAttemptedRevision).To(HaveSuffix(":" + s.head))
		g.Expect(status.Condition("Ready").Status).To(Equal(metav1.ConditionFalse))
		message = status.Condition("Ready").Message
	}).Should(Succeed())
	return message
}

// remove deletes Kustomizations, and waits until they and what they applied are gone.
func (s *fluxSuite) remove(ctx context.Context, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, flux.Named(flux.Kustomization, name)))).To(Succeed())
	}
	for _, name := range names {
		s.awaitGone(ctx, flux.Kustomization, name)
		if name == operatorKustomization {
			s.awaitGone(ctx, flux.HelmRelease, helmRelease)
		}
	}
}

func (s *fluxSuite) removeSource(ctx context.Context) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, flux.Named(flux.GitRepository, sourceName)))).To(Succeed())
	s.awaitGone(ctx, flux.GitRepository, sourceName)
}

func (s *fluxSuite) awaitGone(ctx context.Context, kind schema.GroupVersionKind, name string) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		object, err := s.objects.Get(ctx, kind, name)
		if err != nil {
			return client.IgnoreNotFound(err)
		}
		status, err := flux.StatusOf(object)
		if err != nil {
			return err
		}
		return fmt.Errorf("%s %s is still there: %s", kind.Kind, name, status)
	}).Should(Succeed())
}

// looks is how often Flux has compared with the cluster so far and found nothing to do: each Kustomization, and the
// release.
type looks struct{ Kustomizations, Release int }

func (s *fluxSuite) looks() looks {
	return looks{
		Kustomizations: strings.Count(s.tool.Log(flux.KustomizeController), "Reconciliation finished"),
		Release:        strings.Count(s.tool.Log(flux.HelmController), "release in-sync with desired state"),
	}
}

// awaitRest waits until nothing has been written for some seconds: what has just become ready may still have a status
// to write.
func awaitRest(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		history := recordWrites(ctx)
		time.Sleep(5 * time.Second)
		writes, err := history.Stop()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(describeAll(writes)).To(BeEmpty(), "writes in 5 s")
	}).Should(Succeed())
}

// dump writes what somebody needs who asks why a spec failed.
func (s *fluxSuite) dump(ctx context.Context) {
	if s == nil || s.tool == nil {
		return
	}
	for _, kind := range []schema.GroupVersionKind{flux.GitRepository, flux.HelmChart, flux.HelmRelease, flux.Kustomization} {
		s.dumpKind(ctx, kind)
	}
	fmt.Fprintln(GinkgoWriter, s.tool.LogTail(40))
	cluster.Dump(ctx, GinkgoWriter, production)
	cluster.DumpStatefulSets(ctx, GinkgoWriter, production)
}

func (s *fluxSuite) dumpKind(ctx context.Context, kind schema.GroupVersionKind) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	if err := cluster.Client.List(ctx, list, client.InNamespace(flux.Namespace)); err != nil {
		fmt.Fprintln(GinkgoWriter, err)
		return
	}
	for i := range list.Items {
		status, err := flux.StatusOf(&list.Items[i])
		fmt.Fprintf(GinkgoWriter, "---- %s %s: %v %v\n", kind.Kind, list.Items[i].GetName(), status, err)
	}
}

// removeNamespace deletes a namespace if it is there, and waits until it is gone with all that is in it.
func removeNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	Expect(cluster.DeleteNamespace(ctx, name)).To(Succeed())
	Eventually(ctx, func() error {
		return cluster.Client.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{})
	}).Should(MatchError(ContainSubstring("not found")))
}

// emptyCluster takes out of the cluster all that our examples leave behind when they are removed: our definitions,
// which are kept on purpose, and the namespaces.
func emptyCluster(ctx context.Context) {
	GinkgoHelper()
	Expect(cluster.RemoveDefinitions(ctx, definitions...)).To(Succeed())
	for _, name := range []string{production, options.Namespace} {
		removeNamespace(ctx, name)
	}
	Expect(webhookConfigurations(ctx)).To(BeEmpty())
}
