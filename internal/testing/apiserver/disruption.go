// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/kubernetes/pkg/controller/disruption"
)

// RunDisruptionController keeps the status of PodDisruptionBudgets, by the controller of Kubernetes itself. The returned
// function ends it.
func RunDisruptionController(config *rest.Config) (stop func()) {
	GinkgoHelper()
	clients, err := kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(clients.Discovery()))
	scales, err := scale.NewForConfig(config, mapper, dynamic.LegacyAPIPathResolverFunc,
		scale.NewDiscoveryScaleKindResolver(clients.Discovery()))
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background()) // it outlives the step that starts it
	all := informers.NewSharedInformerFactory(clients, 0)
	controller := disruption.NewDisruptionController(ctx,
		all.Core().V1().Pods(), all.Policy().V1().PodDisruptionBudgets(), all.Core().V1().ReplicationControllers(),
		all.Apps().V1().ReplicaSets(), all.Apps().V1().Deployments(), all.Apps().V1().StatefulSets(),
		clients, mapper, scales, clients.Discovery())
	all.Start(ctx.Done())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		controller.Run(ctx, 1)
	}()
	return func() {
		cancel()
		<-ended
		all.Shutdown()
	}
}
