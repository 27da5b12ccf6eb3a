// SPDX-License-Identifier: Apache-2.0

// Package integration runs auto remediation, as part of the StatefulSet controller, against a real API server. The
// tests play everybody else: scheduler, kubelets, and a replica of the webhook.
package integration

import (
	"context"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	controllerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/remediation"
	"github.com/windlass-operator/windlass/operator/statefulset"
	"github.com/windlass-operator/windlass/program"
)

const (
	// patience is how long something that must happen may take.
	patience = 40 * time.Second
	// calm is how long nothing must happen, where nothing may.
	calm = 3 * time.Second
)

var (
	k8s     client.Client
	config  *rest.Config
	cluster *envtest.Environment
	hook    *replica
	stop    func()
)

func TestRemediation(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Auto remediation on a real API server")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		const missing = "KUBEBUILDER_ASSETS does not say where etcd and kube-apiserver are; make test-integration builds both and sets it"
		if os.Getenv("WINDLASS_REQUIRE_ENVTEST") != "" {
			Fail(missing)
		}
		Skip(missing)
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	SetDefaultConsistentlyDuration(calm)
	cluster = &envtest.Environment{CRDDirectoryPaths: []string{"../../../api/crds"}, ErrorIfCRDPathMissing: true}
	var err error
	config, err = cluster.Start()
	Expect(err).NotTo(HaveOccurred())
	k8s, err = client.New(config, client.Options{Scheme: program.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	hook = startReplica(ctx)
	for _, name := range []string{"node-1", "node-2", "node-3"} {
		addNode(ctx, name)
	}
	stop = startOperator()
})

var _ = AfterSuite(func() {
	if stop != nil {
		stop()
	}
	if hook != nil {
		hook.server.Close()
	}
	if cluster != nil {
		Expect(cluster.Stop()).To(Succeed())
	}
})

// startOperator starts the operator as its main program does, with the StatefulSet controller alone. The function that
// it returns ends it.
func startOperator() (stop func()) {
	GinkgoHelper()
	mgr, err := manager.New(config, manager.Options{
		Scheme:                 program.Scheme(),
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		Controller:             controllerconfig.Controller{SkipNameValidation: ptr.To(true)}, // it is started more than once
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Pod{}:                   {Transform: podcache.Trim},
				&corev1.Node{}:                  {Transform: podcache.TrimNode},
				&corev1.PersistentVolumeClaim{}: {Transform: statefulset.TrimClaim},
				&appsv1.ControllerRevision{}:    {Transform: statefulset.TrimRevision},
			},
		},
		Client: client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}},
	})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	for name, keys := range map[string]func(metav1.Object) []string{
		podcache.ControllerIndex: podcache.ControllerUID, podcache.OrphanIndex: podcache.OrphanParent,
	} {
		Expect(mgr.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, name, func(object client.Object) []string { return keys(object) })).To(Succeed())
	}
	Expect(statefulset.Add(ctx, mgr, statefulset.Options{
		Workers: 4, Parallel: 16, CanResize: true,
		Remediator: remediation.New(loop.Of(mgr), remediation.Options{
			Webhooks:           remediation.Webhooks{Namespace: webhookNamespace, Service: webhookService, Configuration: webhookConfiguration},
			ExcludedNamespaces: []string{"kube-system"}, Namespace: "default", DeleteClaims: true,
		}),
	})).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	return func() {
		cancel()
		Eventually(ended).Should(Receive(Succeed()), "end of the operator")
	}
}
