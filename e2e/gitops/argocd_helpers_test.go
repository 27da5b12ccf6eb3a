// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/e2e/framework"
	"github.com/windlass-operator/windlass/e2e/gitops/internal/argocd"
	"github.com/windlass-operator/windlass/e2e/internal/checkout"
	"github.com/windlass-operator/windlass/e2e/internal/gitserver"
)

// The Applications of the examples.
const (
	chartApplication    = "windlass"
	workloadApplication = "shop-production"
)

// argoSuite is Argo CD, and the repository that it syncs from.
type argoSuite struct {
	tool         *argocd.ArgoCD
	applications argocd.Applications
	repository   *gitserver.Repository
	// head is the latest commit since publication, "" when there is none.
	head string
}

// startArgoCD publishes the repository and runs Argo CD, until the specs of the container are done.
func startArgoCD(ctx context.Context) *argoSuite {
	GinkgoHelper()
	s := &argoSuite{applications: argocd.Applications{Client: cluster.Client}, repository: publish(ctx, "argocd")}
	definitions := argoFile(ctx, "manifests/crds")
	Expect(argocd.Install(ctx, cluster.Client, definitions, s.settings())).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(argocd.Uninstall(ctx, cluster.Client, definitions)).To(Succeed())
		removeNamespace(ctx, argocd.Namespace)
	}, NodeTimeout(framework.SpecPatience))

	config := argocd.Config{
		Kubeconfig:   options.Kubeconfig,
		Binary:       tool(ctx, "argocd"),
		Programs:     map[string]string{"helm": tool(ctx, "helm"), "kustomize": tool(ctx, "kustomize")},
		VerifyScript: argoFile(ctx, "hack/git-verify-wrapper.sh"),
		Directory:    filepath.Join(workspace, "argocd-files"),
	}
	Expect(os.Mkdir(config.Directory, 0o755)).To(Succeed())
	var err error
	s.tool, err = argocd.Start(ctx, config)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		// Only what a failed spec has left.
		s.delete(ctx, workloadApplication)
		s.delete(ctx, chartApplication)
		Expect(s.tool.Stop()).To(Succeed())
	}, NodeTimeout(framework.SpecPatience))
	return s
}

// argoFile is a file or directory of Argo CD's release.
func argoFile(ctx context.Context, path string) string {
	GinkgoHelper()
	file, err := checkout.ModuleFile(ctx, "argocd", "github.com/argoproj/argo-cd/v3", path)
	Expect(err).NotTo(HaveOccurred())
	return file
}

// settings are those that the examples patch into Argo CD's ConfigMap: health checks and actions of our kinds.
func (s *argoSuite) settings() map[string]string {
	GinkgoHelper()
	patch := &corev1.ConfigMap{}
	content, err := os.ReadFile(filepath.Join(s.repository.Checkout, "examples", "argocd", "customizations", "argocd-cm.yaml"))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(content, patch)).To(Succeed())
	return patch.Data
}

// commit changes the repository and makes Argo CD look at it at once.
func (s *argoSuite) commit(ctx context.Context, message string, edits ...gitserver.Edit) {
	GinkgoHelper()
	var err error
	s.head, err = s.repository.Commit(ctx, message, edits...)
	Expect(err).NotTo(HaveOccurred())
	for _, name := range []string{chartApplication, workloadApplication} {
		Expect(client.IgnoreNotFound(s.applications.Refresh(ctx, name))).To(Succeed())
	}
}

// apply is `kubectl apply --server-side` of a file of the repository.
func (s *argoSuite) apply(ctx context.Context, file string) {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(s.repository.Checkout, filepath.FromSlash(file)))
	Expect(err).NotTo(HaveOccurred())
	for _, object := range decode(content) {
		// The definitions of Argo CD may be a moment old.
		Eventually(ctx, func() error {
			return cluster.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("e2e"), client.ForceOwnership)
		}).Should(Succeed())
	}
}

// awaitSynced waits until an Application is in sync with the latest commit, however it is.
func (s *argoSuite) awaitSynced(ctx context.Context, name string) {
	GinkgoHelper()
	s.await(ctx, name, "")
}

// awaitHealthy waits until Applications are in sync with the latest commit and Healthy.
func (s *argoSuite) awaitHealthy(ctx context.Context, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		s.await(ctx, name, "Healthy")
	}
}

// await waits until an Application is in sync with the latest commit and has a health, if one is given.
func (s *argoSuite) await(ctx context.Context, name, health string) {
	GinkgoHelper()
	Eventually(ctx, func() error { return s.check(ctx, name, health) }).Should(Succeed())
}

// expectHealthy is awaitHealthy without waiting.
func (s *argoSuite) expectHealthy(ctx context.Context, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		Expect(s.check(ctx, name, "Healthy")).To(Succeed())
	}
}

func (s *argoSuite) check(ctx context.Context, name, health string) error {
	status, err := s.applications.Get(ctx, name)
	if err != nil {
		return err
	}
	seen := s.head == "" || status.Sync.Revision == s.head
	well := health == "" || status.Health.Status == health
	if !seen || !well || status.Sync.Status != "Synced" || status.OperationState.Phase != "Succeeded" {
		return fmt.Errorf("Application %s is not Synced and %s at commit %s but, at %s, %s", name, health, s.head, status.Sync.Revision, status)
	}
	return s.tool.Check()
}

// health is that of one object of an Application.
func (s *argoSuite) health(ctx context.Context, application, kind, name string) string {
	GinkgoHelper()
	status, err := s.applications.Get(ctx, application)
	Expect(err).NotTo(HaveOccurred())
	at := slices.IndexFunc(status.Resources, func(r argocd.Resource) bool { return r.Kind == kind && r.Name == name })
	Expect(at).To(BeNumerically(">=", 0), "%s %s among the objects of Application %s", kind, name, application)
	return status.Resources[at].Health.Status
}

// objects names the objects of a kind that belong to an Application.
func (s *argoSuite) objects(ctx context.Context, application, kind string) (names []string) {
	GinkgoHelper()
	status, err := s.applications.Get(ctx, application)
	Expect(err).NotTo(HaveOccurred())
	for i := range status.Resources {
		if status.Resources[i].Kind == kind {
			names = append(names, status.Resources[i].Name)
		}
	}
	return names
}

// record follows what a function tells of an Application. The function that it returns ends that and gives all that was
// told, in order and without repetitions.
func (s *argoSuite) record(ctx context.Context, name string, of func(*argocd.Status) string) func() []string {
	GinkgoHelper()
	status, err := s.applications.Get(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	told := []string{of(status)}
	applications := []schema.GroupVersionResource{{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}}
	history, err := cluster.RecordWrites(ctx, applications, func(o *unstructured.Unstructured) bool { return o.GetName() == name })
	Expect(err).NotTo(HaveOccurred())
	return func() []string {
		GinkgoHelper()
		writes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		for i := range writes {
			status, err := argocd.StatusOf(writes[i].Object())
			Expect(err).NotTo(HaveOccurred())
			told = append(told, of(status))
		}
		return slices.Compact(told)
	}
}

func healthStatus(status *argocd.Status) string { return status.Health.Status }

// syncAndOperation reports whether an Application is in sync, and when it was synchronized last.
func syncAndOperation(status *argocd.Status) string {
	return status.Sync.Status + " since " + status.OperationState.StartedAt.Format(time.TimeOnly)
}

// delete deletes an Application, if it is there, and waits until all that goes with it has gone.
func (s *argoSuite) delete(ctx context.Context, name string) {
	GinkgoHelper()
	Expect(s.applications.Delete(ctx, name)).To(Succeed())
	Eventually(ctx, func() error {
		status, err := s.applications.Get(ctx, name)
		if err != nil {
			return client.IgnoreNotFound(err)
		}
		return fmt.Errorf("Application %s is still there: %s", name, status)
	}).Should(Succeed())
}

// dump writes what somebody needs who asks why a spec failed.
func (s *argoSuite) dump(ctx context.Context) {
	if s == nil || s.tool == nil {
		return
	}
	for _, name := range []string{chartApplication, workloadApplication} {
		if status, err := s.applications.Get(ctx, name); err != nil {
			fmt.Fprintln(GinkgoWriter, err)
		} else {
			fmt.Fprintf(GinkgoWriter, "---- Application %s: %s\n", name, status)
		}
	}
	fmt.Fprintln(GinkgoWriter, s.tool.LogTail(25))
	cluster.Dump(ctx, GinkgoWriter, production)
	cluster.DumpStatefulSets(ctx, GinkgoWriter, production)
}
