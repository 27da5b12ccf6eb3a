// SPDX-License-Identifier: Apache-2.0

package walk

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/operator/schedpatch"
	"github.com/windlass-operator/windlass/operator/sidecarset"
	"github.com/windlass-operator/windlass/operator/statefulset"
)

// root is the directory of the repository.
const root = "../../.."

var k8s client.WithWatch

func TestWalk(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(apiserver.Patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "What tools read, version by version")
}

var _ = BeforeSuite(func() {
	server := apiserver.Start(nil)
	k8s = server.Client
	// Pods of a node that nobody knows are taken for lost.
	apiserver.AddNode(context.Background(), k8s, "node-1", nil)
	startOperator(server.Config)
})

// startOperator runs all controllers as the operator's program does, until the suite ends.
func startOperator(config *rest.Config) {
	GinkgoHelper()
	DeferCleanup(apiserver.RunOperator(config, func(ctx context.Context, mgr manager.Manager) error {
		excluded := []string{"kube-system"}
		return errors.Join(
			statefulset.Add(ctx, mgr, statefulset.Options{Workers: 2, Parallel: 4, CanResize: true}),
			sidecarset.Add(ctx, mgr, sidecarset.Options{
				Workers: 2, Namespace: "default", CanResize: true, ExcludedNamespaces: excluded,
			}),
			schedpatch.Add(mgr, schedpatch.Options{Workers: 2, ExcludedNamespaces: excluded}))
	}))
}
