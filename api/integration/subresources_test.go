// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

var _ = Describe("a StatefulSet's scale", func() {
	It("shows replicas and selector, and changes nothing but replicas", func(ctx SpecContext) {
		set := typedStatefulSet("scaled")
		Expect(k8s.Create(ctx, set)).To(Succeed())
		set.Status = v1beta1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 1, LabelSelector: "app=web"}
		Expect(k8s.Status().Update(ctx, set)).To(Succeed())

		scale := &autoscalingv1.Scale{}
		Expect(k8s.SubResource("scale").Get(ctx, set, scale)).To(Succeed())
		Expect(scale.Spec.Replicas).To(BeEquivalentTo(1))
		Expect(scale.Status).To(Equal(autoscalingv1.ScaleStatus{Replicas: 1, Selector: "app=web"}))

		want := set.Spec.DeepCopy()
		*want.Replicas = 5
		scale.Spec.Replicas = 5
		Expect(k8s.SubResource("scale").Update(ctx, set, client.WithSubResourceBody(scale))).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), set)).To(Succeed())
		Expect(set.Spec).To(BeComparableTo(*want))
	})
})

var _ = Describe("a status", func() {
	It("holds its counts also when they are 0", func(ctx SpecContext) {
		set := typedStatefulSet("counted")
		Expect(k8s.Create(ctx, set)).To(Succeed())
		set.Status.ObservedGeneration = 1
		Expect(k8s.Status().Update(ctx, set)).To(Succeed())

		read := object(statefulSet, named("counted"))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), read)).To(Succeed())
		Expect(read.Object["status"]).To(BeComparableTo(map[string]any{
			"observedGeneration": int64(1),
			"replicas":           int64(0), "readyReplicas": int64(0), "availableReplicas": int64(0),
			"currentReplicas": int64(0), "updatedReplicas": int64(0),
			"updatedReadyReplicas": int64(0), "updatedAvailableReplicas": int64(0),
		}))
	})

	It("is not written with the spec, nor the spec with the status", func(ctx SpecContext) {
		set := typedStatefulSet("apart")
		set.Status.Replicas = 7
		Expect(k8s.Create(ctx, set)).To(Succeed())
		Expect(set.Status).To(Equal(v1beta1.StatefulSetStatus{ObservedGeneration: -1}))

		*set.Spec.Replicas = 9
		set.Status.Replicas = 3
		Expect(k8s.Status().Update(ctx, set)).To(Succeed())
		Expect(*set.Spec.Replicas).To(BeEquivalentTo(1))
		Expect(set.Status.Replicas).To(BeEquivalentTo(3))
	})
})

// typedStatefulSet is the smallest StatefulSet, as its Go type.
func typedStatefulSet(name string) *v1beta1.StatefulSet {
	set := &v1beta1.StatefulSet{}
	content := object(statefulSet, named(name)).Object
	ExpectWithOffset(1, runtime.DefaultUnstructuredConverter.FromUnstructured(content, set)).To(Succeed())
	return set
}
