// SPDX-License-Identifier: Apache-2.0

// Package integration runs the SchedPatch controller against a real API server. The tests play the built-in controllers
// and the webhook.
package integration

import (
	"context"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/operator/schedpatch"
	"github.com/windlass-operator/windlass/program"
)

const patience = 20 * time.Second

var (
	k8s     client.Client
	cluster *envtest.Environment
	server  *rest.Config
	stop    func()
)

func TestSchedPatchController(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "The SchedPatch controller on a real API server")
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
	cluster = &envtest.Environment{CRDDirectoryPaths: []string{"../../../api/crds"}, ErrorIfCRDPathMissing: true}
	var err error
	server, err = cluster.Start()
	Expect(err).NotTo(HaveOccurred())
	k8s, err = client.New(server, client.Options{Scheme: program.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	stop = startOperator(server)
})

var _ = AfterSuite(func() {
	if stop != nil {
		stop()
	}
	if cluster != nil {
		Expect(cluster.Stop()).To(Succeed())
	}
})

// startOperator runs the controller as the program does. The function that it returns ends it.
func startOperator(server *rest.Config) (stop func()) {
	GinkgoHelper()
	mgr, err := manager.New(server, manager.Options{
		Scheme:                 program.Scheme(),
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Pod{}: {Transform: podcache.Trim}, &corev1.Node{}: {Transform: podcache.TrimNode},
			},
		},
		Client:     client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	byController := func(object client.Object) []string { return podcache.ControllerUID(object) }
	Expect(mgr.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, podcache.ControllerIndex, byController)).To(Succeed())
	Expect(schedpatch.Add(mgr, schedpatch.Options{Workers: 2, ExcludedNamespaces: []string{"kube-system"}})).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	return func() {
		cancel()
		Eventually(ended).Should(Receive(Succeed()), "end of the operator")
	}
}
