// SPDX-License-Identifier: Apache-2.0

// Package integration runs the StatefulSet controller against a real API server. The tests play everybody else:
// kubelets, the scheduler, the garbage collector and the owners of hooks.
package integration

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

const (
	// patience is how long something that must happen may take.
	patience = 30 * time.Second
	// calm is how long nothing must happen, where nothing may.
	calm = time.Second
)

var (
	k8s    client.WithWatch
	config *rest.Config
)

func TestStatefulSetController(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The StatefulSet controller on a real API server")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(calm)
	server := apiserver.Start(nil)
	config, k8s = server.Config, server.Client
})

var _ = AfterSuite(stopOperator)

// Every test finds an operator that runs with nothing special about it.
var _ = BeforeEach(func(ctx SpecContext) {
	if stopRunning == nil {
		startOperator(ctx, nil)
	}
})
