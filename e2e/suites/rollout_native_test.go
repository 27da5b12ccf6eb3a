// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("A native sidecar", func() {
	It("is updated in place, and the application runs on in the same Pod", func(ctx SpecContext) {
		r := startRollout(ctx, 2, beNative)
		for i := range r.before {
			Expect(containerNames(r.before[i].Spec.InitContainers)).To(Equal([]string{framework.SidecarContainer}))
		}

		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Spec.InitContainers[0].Image = framework.SidecarImageV2 })

		after := r.awaitReady(ctx, v1beta1.ReasonComplete)
		expectInPlace(r.before, after, framework.SidecarImageV2)
		expectWireAfterUpdate(ctx, after, r.set)
		awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
	}, SpecTimeout(framework.SpecPatience))
})
