// SPDX-License-Identifier: Apache-2.0

// Package integration writes SidecarSets to a real API server that asks our webhook, with the schema of the CRD before
// it.
package integration

import (
	"context"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

const patience = 20 * time.Second

var (
	k8s      client.Client
	cluster  *envtest.Environment
	stop     context.CancelFunc
	stored   *sidecarset.Followed
	warnings = &heard{}
)

// heard collects the warnings that the API server sends.
type heard struct {
	mu    sync.Mutex
	texts []string
}

func (h *heard) HandleWarningHeader(_ int, _, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts = append(h.texts, text)
}

// take returns what was heard since it was called last.
func (h *heard) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := slices.Clone(h.texts)
	h.texts = nil
	return out
}

func TestSidecarSetAdmission(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The admission of SidecarSets on a real API server")
}

var _ = BeforeSuite(func() {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		const missing = "KUBEBUILDER_ASSETS does not say where etcd and kube-apiserver are; make test-integration builds both and sets it"
		if os.Getenv("WINDLASS_REQUIRE_ENVTEST") != "" {
			Fail(missing)
		}
		Skip(missing)
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	cluster = &envtest.Environment{
		CRDDirectoryPaths: []string{"../../../api/crds"}, ErrorIfCRDPathMissing: true,
		WebhookInstallOptions: envtest.WebhookInstallOptions{
			ValidatingWebhooks: []*admissionregistrationv1.ValidatingWebhookConfiguration{configuration()},
		},
	}
	config, err := cluster.Start()
	Expect(err).NotTo(HaveOccurred())
	config.WarningHandler = warnings
	k8s, err = client.New(config, client.Options{Scheme: program.Scheme()})
	Expect(err).NotTo(HaveOccurred())

	served := cluster.WebhookInstallOptions
	mgr, err := manager.New(config, manager.Options{
		Scheme: program.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		WebhookServer: webhook.NewServer(webhook.Options{Host: served.LocalServingHost, Port: served.LocalServingPort, CertDir: served.LocalServingCertDir}),
	})
	Expect(err).NotTo(HaveOccurred())
	var running context.Context
	running, stop = context.WithCancel(context.Background())
	stored, err = sidecarset.Follow(running, mgr.GetCache())
	Expect(err).NotTo(HaveOccurred())
	validator, err := sidecarset.NewValidator(sidecarset.Config{
		Stored: stored.Stored, Live: mgr.GetAPIReader(), Namespaces: mgr.GetCache(),
		Policy: policy.NewFile("", policy.Parse), Patches: policy.NewFile("", policy.ParsePatchRules),
	})
	Expect(err).NotTo(HaveOccurred())
	mgr.GetWebhookServer().Register(sidecarset.ValidatePath, &webhook.Admission{Handler: validator})
	go func() {
		defer GinkgoRecover()
		Expect(mgr.Start(running)).To(Succeed())
	}()
	Eventually(func() error { return mgr.GetWebhookServer().StartedChecker()(&http.Request{}) }, patience).Should(Succeed())
	Eventually(stored.Synced, patience).Should(Succeed())
})

var _ = AfterSuite(func() {
	if stop != nil {
		stop()
	}
	if cluster != nil {
		Expect(cluster.Stop()).To(Succeed())
	}
})

// configuration is what the chart installs, but for the address.
func configuration() *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "sidecarsets.apps.kruise.io",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
				Namespace: "default", Name: "windlass-webhook", Path: ptr.To(sidecarset.ValidatePath),
			}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{"apps.kruise.io"}, APIVersions: []string{"v1alpha1", "v1beta1"}, Resources: []string{"sidecarsets"},
				},
			}},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
}
