// SPDX-License-Identifier: Apache-2.0

// Package integration compares what the plug-in says without a cluster with what a real API server says that asks our
// webhooks.
package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/cli/internal/offline"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/internal/testing/corpus"
	"github.com/windlass-operator/windlass/webhook/pod"
	"github.com/windlass-operator/windlass/webhook/schedpatch"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/statefulset"
)

var (
	cluster *apiserver.Server
	served  = &switched{}
	// now is when everything happens.
	now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func TestOfflineAndTheAPIServer(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "What the plug-in says without a cluster, and what a real API server says")
}

var _ = BeforeSuite(func() {
	cluster = apiserver.Start(func(cluster *envtest.Environment) {
		cluster.WebhookInstallOptions.ValidatingWebhooks = []*admissionv1.ValidatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
			Webhooks: []admissionv1.ValidatingWebhook{
				validating("sidecarsets", sidecarset.ValidatePath), validating("statefulsets", statefulset.ValidatePath),
				validating("schedpatches", schedpatch.ValidatePath),
			},
		}}
		cluster.WebhookInstallOptions.MutatingWebhooks = []*admissionv1.MutatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
			Webhooks: []admissionv1.MutatingWebhook{
				mutating("sidecarsets.apps.kruise.io", sidecarset.MutatePath, "apps.kruise.io", "sidecarsets"), mutating("pods.apps.kruise.io", pod.Path, "", "pods"),
			},
		}}
	})
	server := cluster.WebhookServer()
	for path, kind := range map[string]string{
		sidecarset.ValidatePath: "SidecarSet", statefulset.ValidatePath: "StatefulSet", schedpatch.ValidatePath: "SchedPatch", pod.Path: "Pod",
	} {
		server.Register(path, &webhook.Admission{Handler: served.of(kind)})
	}
	server.Register(sidecarset.MutatePath, &webhook.Admission{Handler: sidecarset.Defaulter{}})
	DeferCleanup(apiserver.Run(server, nil))
	apiserver.AwaitWebhook(server)
})

func clientConfig(path string) admissionv1.WebhookClientConfig {
	return admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "default", Name: "any", Path: &path}}
}

func creations(group, resource string) []admissionv1.RuleWithOperations {
	return []admissionv1.RuleWithOperations{{
		Operations: []admissionv1.OperationType{admissionv1.Create},
		Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: []string{resource}},
	}}
}

func validating(resource, path string) admissionv1.ValidatingWebhook {
	return admissionv1.ValidatingWebhook{
		Name: resource + ".apps.kruise.io", ClientConfig: clientConfig(path), Rules: creations("apps.kruise.io", resource),
		SideEffects: ptr.To(admissionv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
	}
}

func mutating(name, path, group, resource string) admissionv1.MutatingWebhook {
	return admissionv1.MutatingWebhook{
		Name: name, ClientConfig: clientConfig(path), Rules: creations(group, resource),
		SideEffects: ptr.To(admissionv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
	}
}

// switched serves handlers that a spec chooses.
type switched struct {
	mu     sync.Mutex
	byKind map[string]admission.Handler
}

func (s *switched) serve(byKind map[string]admission.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byKind = byKind
}

func (s *switched) of(kind string) admission.Handler {
	return admission.HandlerFunc(func(ctx context.Context, request admission.Request) admission.Response {
		s.mu.Lock()
		handler := s.byKind[kind]
		s.mu.Unlock()
		if handler == nil {
			return admission.Allowed("")
		}
		return handler.Handle(ctx, request)
	})
}

// manifests are the objects of a case as a file has them: what is there, and then what is created.
func manifests(kept corpus.Case, more ...map[string]any) []byte {
	GinkgoHelper()
	var out bytes.Buffer
	for _, object := range append(append(append(append([]map[string]any{}, kept.Namespaces...), kept.Stored...), more...), kept.Object) {
		Expect(json.NewEncoder(&out).Encode(object)).To(Succeed())
	}
	return out.Bytes()
}

func documents(text []byte) []*offline.Document {
	GinkgoHelper()
	out, err := offline.ReadDocuments([]string{"-"}, bytes.NewReader(text))
	Expect(err).NotTo(HaveOccurred())
	return out
}

func objectOf(content map[string]any) *unstructured.Unstructured {
	return (&unstructured.Unstructured{Object: content}).DeepCopy()
}
