// SPDX-License-Identifier: Apache-2.0

package walk

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
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/operator/schedpatch"
	"github.com/windlass-operator/windlass/operator/sidecarset"
	"github.com/windlass-operator/windlass/operator/statefulset"
	"github.com/windlass-operator/windlass/program"
)

const (
	// root is the directory of the repository.
	root = "../../.."
	// patience is how long something that must happen may take.
	patience = time.Minute
)

var k8s client.WithWatch

func TestWalk(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "What tools read, version by version")
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
	cluster := &envtest.Environment{CRDDirectoryPaths: []string{root + "/api/crds"}, ErrorIfCRDPathMissing: true}
	DeferCleanup(cluster.Stop)
	config, err := cluster.Start()
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	k8s, err = client.NewWithWatch(config, client.Options{Scheme: program.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	addNode()
	startOperator(config)
})

// addNode adds the node of all Pods. Pods of one that nobody knows are taken for lost.
func addNode() {
	GinkgoHelper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	Expect(k8s.Create(context.Background(), node)).To(Succeed())
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	Expect(k8s.Status().Update(context.Background(), node)).To(Succeed())
}

// startOperator runs all controllers as the operator's program does, until the suite ends.
func startOperator(config *rest.Config) {
	GinkgoHelper()
	mgr, err := manager.New(config, manager.Options{
		Scheme:                 program.Scheme(),
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
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
	life, stop := context.WithCancel(context.Background())
	for name, keys := range map[string]func(metav1.Object) []string{
		podcache.ControllerIndex: podcache.ControllerUID, podcache.OrphanIndex: podcache.OrphanParent,
	} {
		Expect(mgr.GetFieldIndexer().IndexField(life, &corev1.Pod{}, name, func(object client.Object) []string { return keys(object) })).To(Succeed())
	}
	excluded := []string{"kube-system"}
	Expect(statefulset.Add(life, mgr, statefulset.Options{Workers: 2, Parallel: 4, CanResize: true})).To(Succeed())
	Expect(sidecarset.Add(life, mgr, sidecarset.Options{Workers: 2, Namespace: "default", CanResize: true, ExcludedNamespaces: excluded})).To(Succeed())
	Expect(schedpatch.Add(mgr, schedpatch.Options{Workers: 2, ExcludedNamespaces: excluded})).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(life) }()
	DeferCleanup(func() {
		stop()
		Eventually(ended).Should(Receive(Succeed()), "end of the operator")
	})
}
