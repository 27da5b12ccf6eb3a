// SPDX-License-Identifier: Apache-2.0

// Package integration runs the SchedPatch controller against a real API server. The tests play the built-in controllers
// and the webhook.
package integration

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/operator/schedpatch"
)

const patience = 20 * time.Second

var (
	k8s    client.Client
	config *rest.Config
	stop   func()
)

func TestSchedPatchController(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "The SchedPatch controller on a real API server")
}

var _ = BeforeSuite(func() {
	server := apiserver.Start(nil)
	config, k8s = server.Config, server.Client
	stop = startOperator(config)
	DeferCleanup(func() { stop() })
})

// startOperator runs the controller as the program does. The function that it returns ends it.
func startOperator(config *rest.Config) (stop func()) {
	GinkgoHelper()
	return apiserver.RunOperator(config, func(_ context.Context, mgr manager.Manager) error {
		return schedpatch.Add(mgr, schedpatch.Options{Workers: 2, ExcludedNamespaces: []string{"kube-system"}})
	})
}
