// SPDX-License-Identifier: Apache-2.0

// Package integration has a real API server call the admission of SchedPatches and, with what they say, that of Pods.
package integration

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	patches "github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/pod"
	"github.com/windlass-operator/windlass/webhook/pod/owners"
	"github.com/windlass-operator/windlass/webhook/pod/patchedpods"
	"github.com/windlass-operator/windlass/webhook/schedpatch"
)

// patience bounds what happens as soon as a program gets to it.
const patience = time.Minute

var (
	k8s     client.Client
	cluster *apiserver.Server
	known   *pod.KnownPatches
	clock   = clocktesting.NewFakePassiveClock(time.Now())
	heard   *build.Warnings
)

func TestSchedPatchAdmission(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "SchedPatches on a real API server")
}

var _ = BeforeSuite(func() {
	cluster = apiserver.Start(func(cluster *envtest.Environment) {
		cluster.WebhookInstallOptions.MutatingWebhooks = []*admissionregistrationv1.MutatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "windlass"}, Webhooks: []admissionregistrationv1.MutatingWebhook{onPods()},
		}}
		cluster.WebhookInstallOptions.ValidatingWebhooks = []*admissionregistrationv1.ValidatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
			Webhooks:   []admissionregistrationv1.ValidatingWebhook{onSchedPatches()},
		}}
	})
	k8s, heard = cluster.Client, cluster.Warnings
	mgr := cluster.NewWebhook()
	DeferCleanup(apiserver.Run(mgr, func(ctx context.Context) { prepare(ctx, mgr) }))
	apiserver.AwaitWebhook(mgr.GetWebhookServer())
	Eventually(known.Synced, patience).Should(Succeed())
})

// prepare sets up the webhook as its main program does, but for the clock.
func prepare(ctx context.Context, mgr manager.Manager) {
	GinkgoHelper()
	restricted := asWebhook(ctx)
	reader, err := metadata.NewForConfig(restricted)
	Expect(err).NotTo(HaveOccurred())
	live, err := client.New(restricted, client.Options{Scheme: program.Scheme(), Mapper: mgr.GetRESTMapper()})
	Expect(err).NotTo(HaveOccurred())
	counter := patchedpods.New(ctx, reader, clock)
	known, err = pod.FollowPatches(ctx, mgr.GetCache(), counter)
	Expect(err).NotTo(HaveOccurred())
	server := mgr.GetWebhookServer()
	server.Register(patches.ServedPath, known)
	server.Register(pod.Path, &webhook.Admission{Handler: &pod.Handler{
		Sets: sidecar.NewIndex(), Reader: mgr.GetCache(), Clock: clock,
		Scheduling: &pod.Scheduling{Index: known.Index, Owners: owners.New(reader, mgr.GetRESTMapper(), clock), PatchedPods: counter,
			Clock: clock},
	}})
	server.Register(schedpatch.ValidatePath, &webhook.Admission{Handler: &schedpatch.Validator{
		Excluded: []string{"kube-system"}, Namespaces: mgr.GetCache(),
		Surroundings: schedpatch.NewSurroundings(live, mgr.GetRESTMapper()), Clock: clock,
	}})
}

// asWebhook has no more rights than the chart gives the webhook for owners, Pods and nodes.
func asWebhook(ctx context.Context) *rest.Config {
	user, err := cluster.AddUser(envtest.User{Name: "webhook"}, cluster.Config)
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "webhook"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "replicasets", "statefulsets"}, Verbs: []string{"get"}},
		{APIGroups: []string{"batch"}, Resources: []string{"cronjobs", "jobs"}, Verbs: []string{"get"}},
		{APIGroups: []string{"apps.kruise.io"}, Resources: []string{"statefulsets"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list", "watch"}},
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"list"}},
	}}
	Expect(k8s.Create(ctx, role)).To(Succeed())
	Expect(k8s.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "webhook"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "webhook"}},
	})).To(Succeed())
	return user.Config()
}

func at(path string) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{
		Service: &admissionregistrationv1.ServiceReference{Namespace: "default", Name: "any", Path: &path}}
}

// onPods must answer, so that no spec passes by accident.
func onPods() admissionregistrationv1.MutatingWebhook {
	return admissionregistrationv1.MutatingWebhook{
		Name: "pods.apps.kruise.io", AdmissionReviewVersions: []string{"v1"}, ClientConfig: at(pod.Path),
		SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), FailurePolicy: ptr.To(admissionregistrationv1.Fail),
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}},
	}
}

func onSchedPatches() admissionregistrationv1.ValidatingWebhook {
	return admissionregistrationv1.ValidatingWebhook{
		Name: "schedpatches.apps.kruise.io", AdmissionReviewVersions: []string{"v1"}, ClientConfig: at(schedpatch.ValidatePath),
		SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), FailurePolicy: ptr.To(admissionregistrationv1.Fail),
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
			Rule: admissionregistrationv1.Rule{APIGroups: []string{"apps.kruise.io"}, APIVersions: []string{"v1alpha1"},
				Resources: []string{"schedpatches"}},
		}},
	}
}
