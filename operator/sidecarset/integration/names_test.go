// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

var _ = Describe("A container of a sidecar's name", func() {
	It("keeps the set out of its Pod, which is told, is not evicted, and holds up no other", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) {
			b.Spec(func(s *v1beta1.SidecarSetSpec) { s.RepairPolicy = v1beta1.RepairRecreate })
		})
		f.pod(ctx, "injected", true)
		own := f.newPod("own", false)
		own.Spec.Containers[0].Name = "agent"
		Expect(k8s.Create(ctx, own)).To(Succeed())
		f.kubelet(ctx, "own")

		const why = `its container "agent" has the name of a container of this Pod; rename one of the two`
		Eventually(func() map[string]int { return apiserver.Events(ctx, k8s, f.set, "NameTaken") }).WithTimeout(patience).
			Should(HaveKey("Not injected into Pod " + f.namespace + "/own: " + why))
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"UninjectedPods": Equal(int32(1)),
			"Uninjected":     ConsistOf(v1beta1.UninjectedPod{Namespace: f.namespace, Name: "own", Reason: v1beta1.ReasonNameTaken}),
			"Conditions":     ContainElement(condition(v1beta1.ConditionInjected, metav1.ConditionFalse, v1beta1.ReasonPodsNotInjected)),
		}))

		f.image(ctx, "agent:2")
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(1))
		f.kubelet(ctx, "injected")
		Eventually(f.status(ctx)).WithTimeout(patience).Should(HaveField("UpdatedReadyPods", int32(1)))
		Expect(f.get(ctx, "own").UID).To(Equal(own.UID), "it was evicted")
		Expect(f.get(ctx, "own").Spec.Containers[0].Image).To(Equal("app:1"))
		Expect(apiserver.Events(ctx, k8s, f.set, "NameTaken")).To(HaveEach(1), "the same warning once a minute")
	})
})
