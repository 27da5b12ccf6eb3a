// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	controllerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/operator/statefulset"
	"github.com/windlass-operator/windlass/program"
)

// running is the operator, nil while there is none.
var running *operator

// operator is the operator's program with the StatefulSet controller alone.
type operator struct {
	stop  context.CancelFunc
	ended chan error
}

// startOperator starts the operator as its main program does. between, if not nil, stands between it and the API
// server.
func startOperator(ctx context.Context, between func(http.RoundTripper) http.RoundTripper) {
	GinkgoHelper()
	stopOperator()
	own := rest.CopyConfig(config)
	own.UserAgent = "windlass-operator/test"
	if between != nil {
		own.Wrap(between)
	}
	mgr, err := manager.New(own, manager.Options{
		Scheme:                 program.Scheme(),
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		Controller:             controllerconfig.Controller{SkipNameValidation: ptr.To(true)}, // it is started more than once
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Pod{}:                   {Transform: podcache.Trim},
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
	Expect(statefulset.Add(life, mgr, statefulset.Options{Workers: 4, Parallel: 16, CanResize: true})).To(Succeed())
	running = &operator{stop: stop, ended: make(chan error, 1)}
	go func() { running.ended <- mgr.Start(life) }()
	Expect(mgr.GetCache().WaitForCacheSync(ctx)).To(BeTrue())
}

// stopOperator ends the operator, wherever it is in its work.
func stopOperator() {
	GinkgoHelper()
	if running == nil {
		return
	}
	running.stop()
	Eventually(running.ended).WithTimeout(patience).Should(Receive(BeNil()))
	running = nil
}
