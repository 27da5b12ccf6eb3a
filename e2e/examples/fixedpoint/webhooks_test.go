// SPDX-License-Identifier: Apache-2.0

package fixedpoint

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/windlass-operator/windlass/e2e/examples"
	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/schedpatch"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
	"github.com/windlass-operator/windlass/webhook/statefulset"
)

const patience = 20 * time.Second

// configurations are those of the chart. envtest puts the address of this process into them.
func configurations() (mutating []*admissionregistrationv1.MutatingWebhookConfiguration, validating []*admissionregistrationv1.ValidatingWebhookConfiguration) {
	objects, err := examples.RenderChart("../../../charts/windlass", nil)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	for _, object := range objects {
		var into any
		switch object.GetKind() {
		case "MutatingWebhookConfiguration":
			mutating = append(mutating, &admissionregistrationv1.MutatingWebhookConfiguration{})
			into = mutating[len(mutating)-1]
		case "ValidatingWebhookConfiguration":
			validating = append(validating, &admissionregistrationv1.ValidatingWebhookConfiguration{})
			into = validating[len(validating)-1]
		default:
			continue
		}
		ExpectWithOffset(1, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into)).To(Succeed())
	}
	ExpectWithOffset(1, mutating).NotTo(BeEmpty())
	ExpectWithOffset(1, validating).NotTo(BeEmpty())
	return mutating, validating
}

// serveWebhooks answers for our kinds as the webhook program does, until the suite ends. No Pods are made here.
func serveWebhooks(config *rest.Config, served envtest.WebhookInstallOptions) {
	mgr, err := manager.New(config, manager.Options{
		Scheme: program.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		WebhookServer: webhook.NewServer(webhook.Options{
			Host: served.LocalServingHost, Port: served.LocalServingPort, TLSOpts: []func(*tls.Config){withCertificate(served.LocalServingCertDir)},
		}),
	})
	Expect(err).NotTo(HaveOccurred())
	running, stop := context.WithCancel(context.Background())
	DeferCleanup(func() { stop() })
	stored, err := sidecarset.Follow(running, mgr.GetCache())
	Expect(err).NotTo(HaveOccurred())
	sidecarSets, err := sidecarset.NewValidator(sidecarset.Config{
		Stored: stored.Stored, Live: mgr.GetAPIReader(), Namespaces: mgr.GetCache(),
		Policy: policy.NewFile("", policy.Parse), Patches: policy.NewFile("", policy.ParsePatchRules),
	})
	Expect(err).NotTo(HaveOccurred())
	statefulSets := statefulset.NewValidator(statefulset.Config{
		StorageClasses: mgr.GetCache(), Namespaces: mgr.GetAPIReader(),
		CanResize: func(context.Context) (bool, error) { return true, nil },
	})
	server := mgr.GetWebhookServer()
	server.Register(sidecarset.MutatePath, &webhook.Admission{Handler: sidecarset.Defaulter{}})
	server.Register(sidecarset.ValidatePath, &webhook.Admission{Handler: sidecarSets})
	server.Register(statefulset.ValidatePath, &webhook.Admission{Handler: statefulSets})
	server.Register(schedpatch.ValidatePath, &webhook.Admission{Handler: &schedpatch.Validator{Namespaces: mgr.GetCache(), Clock: clock.RealClock{}}})
	go func() {
		defer GinkgoRecover()
		Expect(mgr.Start(running)).To(Succeed())
	}()
	Eventually(func() error { return server.StartedChecker()(&http.Request{}) }, patience).Should(Succeed())
	Eventually(stored.Synced, patience).Should(Succeed())
}

// withCertificate serves the certificate of a directory without watching its files, which takes one of the few inotify
// instances of a machine.
func withCertificate(directory string) func(*tls.Config) {
	certificate, err := tls.LoadX509KeyPair(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	return func(config *tls.Config) {
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }
	}
}
