// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	"github.com/windlass-operator/windlass/internal/revision"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var _ = Describe("A set that is scaled through its scale subresource", func() {
	It("grows and shrinks, and tells so in the scale and in both versions", func(ctx SpecContext) {
		f := settled(ctx, func(b *build.StatefulSetBuilder) { b.Parallel().Reserve("1").Replicas(2) })
		Expect(f.names(ctx)()).To(Equal([]string{"web-0", "web-2"}))

		f.scale(ctx, 4)
		Eventually(f.names(ctx)).Should(Equal([]string{"web-0", "web-2", "web-3", "web-4"}))
		f.expectReady(ctx)
		f.scale(ctx, 1)
		Eventually(f.names(ctx)).Should(Equal([]string{"web-0"}))
		status := f.expectReady(ctx)

		scale := &autoscalingv1.Scale{}
		Expect(k8s.SubResource("scale").Get(ctx, f.set, scale)).To(Succeed())
		Expect(scale.Status).To(Equal(autoscalingv1.ScaleStatus{Replicas: 1, Selector: "app=web"}))
		older := &v1alpha1.StatefulSet{}
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(f.set), older)).To(Succeed())
		Expect(older.Status).To(BeComparableTo(status))
	})
})

func (f *fixture) scale(ctx SpecContext, replicas int32) {
	GinkgoHelper()
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
	Expect(k8s.SubResource("scale").Update(ctx, f.set, client.WithSubResourceBody(scale))).To(Succeed())
}

var _ = Describe("A Pod that is in the way", func() {
	// put makes a Pod of nobody's under the name web-1.
	put := func(ctx SpecContext, f *fixture) *corev1.Pod {
		GinkgoHelper()
		foreign := build.MakePod("web-1").Label("app", "other").New().Obj()
		foreign.ObjectMeta = metav1.ObjectMeta{Namespace: f.namespace, Name: foreign.Name, Labels: foreign.Labels}
		Expect(k8s.Create(ctx, foreign)).To(Succeed())
		return foreign
	}

	It("is left alone, named, and not waited for by Parallel Pods", func(ctx SpecContext) {
		f := prepare(ctx, func(b *build.StatefulSetBuilder) { b.Parallel() })
		foreign := put(ctx, f)
		f.node()
		f.create(ctx)
		Eventually(f.names(ctx)).Should(Equal([]string{"web-0", "web-1", "web-2"}))
		Eventually(f.status(ctx)).Should(And(
			haveCondition(v1beta1.ConditionScaling, "True", v1beta1.ReasonScaleBlocked),
			saying(v1beta1.ConditionScaling, "web-1")))
		Expect(f.pod(ctx, "web-1").UID).To(Equal(foreign.UID))

		Expect(k8s.Delete(ctx, foreign, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(func() *metav1.OwnerReference { return metav1.GetControllerOf(f.pod(ctx, "web-1")) }).Should(HaveValue(HaveField("Name", "web")))
		f.expectReady(ctx)
	})

	It("holds up the Pods after it where they are ordered", func(ctx SpecContext) {
		f := prepare(ctx, nil)
		put(ctx, f)
		f.node()
		f.create(ctx)
		Eventually(f.status(ctx)).Should(And(
			haveCondition(v1beta1.ConditionScaling, "True", v1beta1.ReasonScaleBlocked),
			saying(v1beta1.ConditionScaling, "web-1")))
		Consistently(f.names(ctx)).Should(Equal([]string{"web-0", "web-1"}))
	})
})

var _ = Describe("A revision's name that is taken", func() {
	It("makes the set take another one", func(ctx SpecContext) {
		f := prepare(ctx, nil)
		data, err := podtemplate.Encode(&f.set.Spec.Template)
		Expect(err).NotTo(HaveOccurred())
		name, _ := revision.Name("web", data, nil)
		taken := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}, Revision: 7}
		taken.Data.Raw = []byte(`{}`)
		Expect(k8s.Create(ctx, taken)).To(Succeed())
		f.node()
		f.create(ctx)
		status := f.expectReady(ctx)
		Expect(status.CollisionCount).To(HaveValue(BeEquivalentTo(1)))
		Expect(status.UpdateRevision).NotTo(Equal(name))
		Expect(f.pod(ctx, "web-0").Labels).To(HaveKeyWithValue(appsv1.ControllerRevisionHashLabelKey, status.UpdateRevision))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(taken), taken)).To(Succeed())
		Expect(taken.OwnerReferences).To(BeEmpty())
	})
})
