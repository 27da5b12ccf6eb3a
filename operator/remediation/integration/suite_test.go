// SPDX-License-Identifier: Apache-2.0

// Package integration runs auto remediation, as part of the StatefulSet controller, against a real API server. The
// tests play everybody else: scheduler, kubelets, and a replica of the webhook.
package integration

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/remediation"
	"github.com/windlass-operator/windlass/operator/statefulset"
)

const (
	// patience is how long something that must happen may take.
	patience = 40 * time.Second
	// calm is how long nothing must happen, where nothing may.
	calm = 3 * time.Second
)

var (
	k8s    client.Client
	config *rest.Config
	hook   *replica
	stop   func()
)

func TestRemediation(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Auto remediation on a real API server")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	SetDefaultConsistentlyDuration(calm)
	server := apiserver.Start(nil)
	config, k8s = server.Config, server.Client
	hook = startReplica(ctx)
	DeferCleanup(hook.server.Close)
	for _, name := range []string{"node-1", "node-2", "node-3"} {
		apiserver.AddNode(ctx, k8s, name, func(node *corev1.Node) {
			node.Labels = map[string]string{corev1.LabelHostname: name + ".example"}
			node.Status.NodeInfo.BootID = "first"
		})
	}
	stop = startOperator()
	DeferCleanup(func() { stop() })
})

// startOperator starts the operator as its main program does, with the StatefulSet controller alone. The function that
// it returns ends it.
func startOperator() (stop func()) {
	GinkgoHelper()
	return apiserver.RunOperator(config, func(ctx context.Context, mgr manager.Manager) error {
		return statefulset.Add(ctx, mgr, statefulset.Options{
			Workers: 4, Parallel: 16, CanResize: true,
			Remediator: remediation.New(loop.Of(mgr), remediation.Options{
				Webhooks: remediation.Webhooks{
					Namespace: webhookNamespace, Service: webhookService, Configuration: webhookConfiguration,
				},
				ExcludedNamespaces: []string{"kube-system"}, Namespace: "default",
			}),
		})
	})
}
