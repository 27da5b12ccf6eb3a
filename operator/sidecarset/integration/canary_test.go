// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

var _ = Describe("The base of a canary", func() {
	It("has not missed the Pods that the canary was injected into", func(ctx SpecContext) {
		base := newFixture(ctx, nil)
		canary := &fixture{namespace: base.namespace, set: base.set.DeepCopy()}
		canary.set.ObjectMeta = metav1.ObjectMeta{Name: base.set.Name + "-canary", Annotations: map[string]string{
			v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: base.set.Name,
		}}
		canary.set.Spec.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
		Expect(k8s.Create(ctx, canary.set)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, canary.set))).To(Succeed()) })

		base.pod(ctx, "injected", true)
		canary.pod(ctx, "served-by-the-canary", true)
		base.pod(ctx, "missed", false) // the last one: who has seen it has seen all

		Eventually(base.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"MatchedPods": Equal(int32(1)), "UninjectedPods": Equal(int32(1)),
			"Uninjected": ConsistOf(MatchFields(IgnoreExtras, Fields{"Name": Equal("missed")})),
		}))
	})
})
