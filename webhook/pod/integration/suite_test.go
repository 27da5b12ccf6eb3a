// SPDX-License-Identifier: Apache-2.0

// Package integration has a real API server call the admission of Pods, next to another webhook that changes the same
// Pods.
package integration

import (
	"context"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/webhook/pod"
	"github.com/windlass-operator/windlass/webhook/pod/validity"
)

var (
	k8s      client.Client
	cluster  *apiserver.Server
	injector = &counted{handler: &pod.Handler{Clock: clock.RealClock{}, Validity: validity.NewValidator()}}
	enforcer = &counted{handler: &pod.Handler{Clock: clock.RealClock{}, Validity: validity.NewValidator(), Enforced: true}}
)

func TestPodAdmission(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The admission of Pods by a real API server")
}

var _ = BeforeSuite(func() {
	cluster = apiserver.Start(func(cluster *envtest.Environment) {
		cluster.WebhookInstallOptions.MutatingWebhooks = []*admissionv1.MutatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
			Webhooks: []admissionv1.MutatingWebhook{
				where(metav1.LabelSelectorOpNotIn, onPods("a.windlass.test", pod.Path)),
				where(metav1.LabelSelectorOpIn, onPods("a.enforced.test", pod.EnforcedPath)),
				onPods("b.neighbour.test", neighbourPath),
			},
		}}
	})
	k8s = cluster.Client
	injector.handler.Reader, enforcer.handler.Reader = k8s, k8s

	server := cluster.WebhookServer()
	server.Register(pod.Path, &webhook.Admission{Handler: injector})
	server.Register(pod.EnforcedPath, &webhook.Admission{Handler: enforcer})
	server.Register(neighbourPath, &webhook.Admission{Handler: admission.HandlerFunc(neighbour)})
	DeferCleanup(apiserver.Run(server, nil))
	apiserver.AwaitWebhook(server)
})

// where has the webhook serve namespaces whose injection is enforced, or all others.
func where(operator metav1.LabelSelectorOperator, hook admissionv1.MutatingWebhook) admissionv1.MutatingWebhook {
	hook.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: v1beta1.InjectionLabel, Operator: operator, Values: []string{v1beta1.InjectionEnforced}},
	}}
	return hook
}

// onPods is a webhook that must answer, and is called again when another one has changed the Pod after it.
func onPods(name, path string) admissionv1.MutatingWebhook {
	return admissionv1.MutatingWebhook{
		Name:                    name,
		AdmissionReviewVersions: []string{"v1"},
		SideEffects:             ptr.To(admissionv1.SideEffectClassNone),
		FailurePolicy:           ptr.To(admissionv1.Fail),
		ReinvocationPolicy:      ptr.To(admissionv1.IfNeededReinvocationPolicy),
		ClientConfig:            admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "default", Name: "any", Path: &path}},
		Rules: []admissionv1.RuleWithOperations{{
			Operations: []admissionv1.OperationType{admissionv1.Create},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}},
	}
}

// counted counts the calls of a handler.
type counted struct {
	handler *pod.Handler
	mu      sync.Mutex
	calls   int
}

// Handle lets the handler answer.
func (c *counted) Handle(ctx context.Context, request admission.Request) admission.Response {
	c.mu.Lock()
	c.calls++
	c.mu.Unlock()
	return c.handler.Handle(ctx, request)
}

// knowing makes the webhook know these sets alone, and forgets earlier calls.
func (c *counted) knowing(sets []*sidecar.Set) {
	index := sidecar.NewIndex()
	for _, set := range sets {
		index.Put(set)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handler.Sets, c.calls = index, 0
}

func (c *counted) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// warned returns the warnings since it was last called, sorted, each once: the API server warns once for each call of
// the webhook.
func warned() []string { return slices.Compact(slices.Sorted(slices.Values(cluster.Warnings.Take()))) }

// dryRun has the API server create a Pod up to storing it.
func dryRun(ctx context.Context, p *corev1.Pod) *corev1.Pod {
	GinkgoHelper()
	created := p.DeepCopy()
	created.ObjectMeta = metav1.ObjectMeta{Namespace: "default", Name: p.Name, Labels: p.Labels, Annotations: p.Annotations}
	Expect(k8s.Create(ctx, created, client.DryRunAll)).To(Succeed())
	return created
}
