// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/operator/statefulset"
)

// stopOperator ends the operator, wherever it is in its work; nil while there is none.
var stopRunning func()

// startOperator starts the operator as its main program does, with the StatefulSet controller alone. between, if not
// nil, stands between it and the API server.
func startOperator(ctx context.Context, between func(http.RoundTripper) http.RoundTripper) {
	GinkgoHelper()
	stopOperator()
	own := rest.CopyConfig(config)
	own.UserAgent = "windlass-operator/test"
	if between != nil {
		own.Wrap(between)
	}
	var started manager.Manager
	stopRunning = apiserver.RunOperator(own, func(ctx context.Context, mgr manager.Manager) error {
		started = mgr
		return statefulset.Add(ctx, mgr, statefulset.Options{Workers: 4, Parallel: 16, CanResize: true})
	})
	Expect(started.GetCache().WaitForCacheSync(ctx)).To(BeTrue())
}

// stopOperator ends the operator, if it runs.
func stopOperator() {
	GinkgoHelper()
	if stopRunning != nil {
		stopRunning()
	}
	stopRunning = nil
}
