// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	controllerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/windlass-operator/windlass/operator/wiring"
	"github.com/windlass-operator/windlass/program"
)

// Patience is how long anything may take that has to happen, such as the start or the end of a program. A test that
// passes takes no longer with more of it, and machines are at times many times slower than they should be.
const Patience = 5 * time.Minute

// options are those of a manager that opens no port. It may be made more than once.
func options() manager.Options {
	return manager.Options{
		Scheme: program.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Controller: controllerconfig.Controller{SkipNameValidation: ptr.To(true)},
	}
}

// RunOperator runs controllers, which add adds, as the operator's main program does. The returned function ends it,
// wherever it is in its work.
func RunOperator(config *rest.Config, add func(context.Context, manager.Manager) error) (stop func()) {
	GinkgoHelper()
	chosen := options()
	chosen.Cache, chosen.Client = wiring.Cache(), wiring.Client()
	mgr, err := manager.New(config, chosen)
	Expect(err).NotTo(HaveOccurred())
	return Run(mgr, func(ctx context.Context) {
		Expect(wiring.IndexPods(ctx, mgr.GetFieldIndexer())).To(Succeed())
		Expect(add(ctx, mgr)).To(Succeed())
	})
}

// NewWebhook makes a manager whose webhook server listens where the API server was told that it does.
func (s *Server) NewWebhook() manager.Manager {
	GinkgoHelper()
	chosen := options()
	chosen.WebhookServer = s.WebhookServer()
	mgr, err := manager.New(s.Config, chosen)
	Expect(err).NotTo(HaveOccurred())
	return mgr
}

// WebhookServer listens where the API server was told that it does. It does not watch the files of its certificate,
// which takes one of the few inotify instances of a machine.
func (s *Server) WebhookServer() webhook.Server {
	GinkgoHelper()
	given := s.WebhookInstallOptions
	directory := given.LocalServingCertDir
	certificate, err := tls.LoadX509KeyPair(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
	Expect(err).NotTo(HaveOccurred())
	return webhook.NewServer(webhook.Options{
		Host: given.LocalServingHost, Port: given.LocalServingPort,
		TLSOpts: []func(*tls.Config){func(config *tls.Config) {
			config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }
		}},
	})
}

// Started is what a manager and a webhook server have in common.
type Started interface {
	Start(context.Context) error
}

// Run prepares and starts a manager or a server. The returned function ends it and waits; it may be called twice. The
// context lives as long as what was started.
func Run(started Started, prepare func(context.Context)) (stop func()) {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(context.Background()) // it outlives the step that starts it
	if prepare != nil {
		prepare(ctx)
	}
	ended := make(chan error, 1)
	go func() { ended <- started.Start(ctx) }()
	var once sync.Once
	return func() {
		GinkgoHelper()
		once.Do(func() {
			cancel()
			Eventually(ended).WithTimeout(Patience).Should(Receive(BeNil()), "the end of what was started")
		})
	}
}

// AwaitWebhook waits until a webhook server answers.
func AwaitWebhook(server webhook.Server) {
	GinkgoHelper()
	Eventually(func() error { return server.StartedChecker()(&http.Request{}) }).WithTimeout(Patience).Should(Succeed())
}
