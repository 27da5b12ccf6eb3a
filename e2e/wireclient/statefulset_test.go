// SPDX-License-Identifier: Apache-2.0

package wireclient

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	kruisev1alpha1 "github.com/openkruise/kruise-api/apps/v1alpha1"
	kruisev1beta1 "github.com/openkruise/kruise-api/apps/v1beta1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// statefulSetFiller fills with values that our schema allows.
func statefulSetFiller(extra ...any) *filler {
	return newFiller(append([]any{
		kruisev1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategyType,
		kruisev1beta1.InPlaceIfPossiblePodUpdateStrategyType,
		kruisev1beta1.DeletePersistentVolumeClaimRetentionPolicyType,
		kruisev1alpha1.InPlaceIfPossiblePodUpdateStrategyType,
		[]intstr.IntOrString{intstr.FromInt32(3), intstr.FromString("5-8")},
	}, extra...), nil)
}

// A template and a claim that a cluster with our webhooks admits too. The labels are those that the filled selector
// asks for.
var (
	podTemplate = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"a": "b"}},
		Spec: corev1.PodSpec{
			Containers:     []corev1.Container{{Name: "web", Image: "registry.example/web:1"}},
			ReadinessGates: []corev1.PodReadinessGate{{ConditionType: "InPlaceUpdateReady"}},
		},
	}
	claims = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}

	webSelector = metav1.LabelSelector{
		MatchLabels:      map[string]string{"app": "web"},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"web"}}},
	}
)

// Both kinds of priority cannot be given at once, so two objects share them.
var (
	byOrder  = "by-order"
	byWeight = "by-weight"
)

var _ = DescribeTable("StatefulSet v1beta1 keeps every field", Label(noWebhooks), func(ctx SpecContext, priority string, extra ...any) {
	full := fullStatefulSetV1beta1(priority, extra...)
	roundTrip(ctx, clients.AppsV1beta1().StatefulSets(namespace), full, parts[*kruisev1beta1.StatefulSet]{
		spec:       func(s *kruisev1beta1.StatefulSet) any { return s.Spec },
		status:     func(s *kruisev1beta1.StatefulSet) any { return s.Status },
		copyStatus: func(to, from *kruisev1beta1.StatefulSet) { to.Status = from.Status },
		change:     func(s *kruisev1beta1.StatefulSet) { *s.Spec.Replicas = 77 },
	})
},
	Entry("with weights", byWeight, podTemplate, claims, webSelector),
	Entry("with an order", byOrder, podTemplate, claims, webSelector),
	Entry("of Kubernetes' own types too", byOrder),
)

var _ = DescribeTable("StatefulSet v1alpha1 keeps every field", Label(noWebhooks), func(ctx SpecContext, priority string, extra ...any) {
	full := fullStatefulSetV1alpha1(priority, extra...)
	roundTrip(ctx, clients.AppsV1alpha1().StatefulSets(namespace), full, parts[*kruisev1alpha1.StatefulSet]{
		spec:       func(s *kruisev1alpha1.StatefulSet) any { return s.Spec },
		status:     func(s *kruisev1alpha1.StatefulSet) any { return s.Status },
		copyStatus: func(to, from *kruisev1alpha1.StatefulSet) { to.Status = from.Status },
		change:     func(s *kruisev1alpha1.StatefulSet) { *s.Spec.Replicas = 77 },
	})
},
	Entry("with weights", byWeight, podTemplate, claims, webSelector),
	Entry("with an order", byOrder, podTemplate, claims, webSelector),
	Entry("of Kubernetes' own types too", byOrder),
)

var _ = Describe("the StatefulSets of these tests", func() {
	It("leave no field of OpenKruise's types empty", func() {
		weight, order := fullStatefulSetV1beta1(byWeight), fullStatefulSetV1beta1(byOrder)
		Expect(emptyFields(weight.Spec).Intersection(emptyFields(order.Spec))).To(BeEmpty())
		Expect(emptyFields(weight.Status)).To(BeEmpty())
		oldWeight, oldOrder := fullStatefulSetV1alpha1(byWeight), fullStatefulSetV1alpha1(byOrder)
		Expect(emptyFields(oldWeight.Spec).Intersection(emptyFields(oldOrder.Spec))).To(BeEmpty())
		Expect(emptyFields(oldWeight.Status)).To(BeEmpty())
	})
})

func fullStatefulSetV1beta1(priority string, extra ...any) *kruisev1beta1.StatefulSet {
	set := &kruisev1beta1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "beta-" + priority, Namespace: namespace}}
	f := statefulSetFiller(extra...)
	f.fill(&set.Spec)
	f.fill(&set.Status)
	strategy := set.Spec.UpdateStrategy.RollingUpdate.UnorderedUpdate.PriorityStrategy
	if priority == byOrder {
		strategy.WeightPriority = nil
	} else {
		strategy.OrderPriority = nil
	}
	return set
}

func fullStatefulSetV1alpha1(priority string, extra ...any) *kruisev1alpha1.StatefulSet {
	set := &kruisev1alpha1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "alpha-" + priority, Namespace: namespace}}
	f := statefulSetFiller(extra...)
	f.fill(&set.Spec)
	f.fill(&set.Status)
	strategy := set.Spec.UpdateStrategy.RollingUpdate.UnorderedUpdate.PriorityStrategy
	if priority == byOrder {
		strategy.WeightPriority = nil
	} else {
		strategy.OrderPriority = nil
	}
	return set
}
