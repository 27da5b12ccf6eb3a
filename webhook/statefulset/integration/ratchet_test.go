// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What was stored while nobody validated it must stay editable wherever it is right.
var _ = Describe("A StatefulSet that was stored with a fault", Serial, func() {
	It("can be changed elsewhere, but not in the fault", func(ctx SpecContext) {
		asked := configuration()
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(asked), asked)).To(Succeed())
		Expect(k8s.Delete(ctx, asked)).To(Succeed())
		asked.ResourceVersion, asked.UID = "", ""
		Eventually(isAsked, patience).WithContext(ctx).Should(BeFalse())
		set := newSet("faulty")
		set.Spec.ReserveOrdinals = []intstr.IntOrString{intstr.FromString("8-5")}
		set.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
		store(ctx, set)
		Expect(k8s.Create(ctx, asked)).To(Succeed())
		Eventually(isAsked, patience).WithContext(ctx).Should(BeTrue())

		set.Finalizers, set.Annotations = []string{"example.com/wait"}, map[string]string{"a": "b"}
		Expect(k8s.Update(ctx, set)).To(Succeed())
		warnings.Take()
		set.Finalizers, set.Spec.Replicas = nil, ptr.To[int32](5)
		Expect(k8s.Update(ctx, set)).To(Succeed())
		Expect(warnings.Take()).To(ConsistOf(
			`stored with a fault: spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`,
			`stored with a fault: spec.reserveOrdinals[0]: Invalid value: "8-5": must begin with the lower ordinal: write "5-8"`,
		))

		set.Spec.ReserveOrdinals[0] = intstr.FromString("9-5")
		Expect(refusal(k8s.Update(ctx, set.DeepCopy()))).To(Equal(`spec.reserveOrdinals[0]: Invalid value: "9-5": must begin with the lower ordinal: write "5-9"`))
		set.Spec.ReserveOrdinals[0] = intstr.FromString("5-9")
		Expect(k8s.Update(ctx, set)).To(Succeed())
	})
})
