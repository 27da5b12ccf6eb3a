// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("A Pod that comes right after its SidecarSet", func() {
	It("has the sidecar where injection is enforced, or does not come", func(ctx SpecContext) {
		const pairs = 20
		namespace := newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced})
		bare, refused := 0, 0
		for i := range pairs {
			app := fmt.Sprint("app-", i)
			createSet(ctx, framework.SidecarSet(fmt.Sprintf("%s-%d", namespace, i), namespace, app))
			switch creation := cluster.CreatePod(ctx, framework.UnscheduledPod(namespace, app, app)); {
			case creation.Err != nil:
				refused++
			case len(creation.Pod.Spec.Containers) == 1:
				bare++
			}
		}
		figure("refused", "%d of %d Pods, since a replica had not heard of the set in time", refused, pairs)
		Expect(bare).To(BeZero(), "Pods without the sidecar of a set that the API server had answered for")
	}, SpecTimeout(framework.SpecPatience))
})
