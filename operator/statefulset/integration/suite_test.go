// SPDX-License-Identifier: Apache-2.0

// Package integration runs the StatefulSet controller against a real API server. The tests play everybody else:
// kubelets, the scheduler, the garbage collector and the owners of hooks.
package integration

import (
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/windlass-operator/windlass/program"
)

const (
	// patience is how long something that must happen may take.
	patience = 30 * time.Second
	// calm is how long nothing must happen, where nothing may.
	calm = time.Second
)

var (
	k8s     client.WithWatch
	config  *rest.Config
	cluster *envtest.Environment
)

func TestStatefulSetController(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The StatefulSet controller on a real API server")
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
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(calm)
	cluster = &envtest.Environment{CRDDirectoryPaths: []string{"../../../api/crds"}, ErrorIfCRDPathMissing: true}
	var err error
	config, err = cluster.Start()
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	k8s, err = client.NewWithWatch(config, client.Options{Scheme: program.Scheme()})
	Expect(err).NotTo(HaveOccurred())
})

var _ = AfterSuite(func() {
	stopOperator()
	if cluster != nil {
		Expect(cluster.Stop()).To(Succeed())
	}
})

// Every test finds an operator that runs with nothing special about it.
var _ = BeforeEach(func(ctx SpecContext) {
	if running == nil {
		startOperator(ctx, nil)
	}
})
