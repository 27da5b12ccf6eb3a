// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// quota allows so many Pods in the fixture's namespace. Nobody counts quotas here, so the test does.
func (f *fixture) quota(ctx context.Context, pods string) {
	GinkgoHelper()
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "pods"}}
	hard := corev1.ResourceList{corev1.ResourcePods: resource.MustParse(pods)}
	if err := k8s.Get(ctx, client.ObjectKeyFromObject(quota), quota); apierrors.IsNotFound(err) {
		quota.Spec.Hard = hard
		Expect(k8s.Create(ctx, quota)).To(Succeed())
	}
	Eventually(func() error {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		quota.Spec.Hard = hard
		return k8s.Update(ctx, quota)
	}).Should(Succeed())
	Eventually(func() error {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		quota.Status.Hard = hard
		if quota.Status.Used == nil {
			quota.Status.Used = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}
		}
		return k8s.Status().Update(ctx, quota)
	}).Should(Succeed())
}

var _ = Describe("A quota that refuses Pods", func() {
	It("is reported in its own words, and does not keep the Pods away that it allows", func(ctx SpecContext) {
		f := prepare(ctx, func(b *build.StatefulSetBuilder) { b.Parallel().Replicas(4) })
		f.quota(ctx, "0")
		probe := build.MakePod("probe").New().Obj()
		probe.ObjectMeta = metav1.ObjectMeta{Namespace: f.namespace, Name: "probe"}
		Eventually(func() error { return k8s.Create(ctx, probe.DeepCopy(), client.DryRunAll) }).Should(
			MatchError(ContainSubstring("exceeded quota")), "the API server has heard of the quota")
		f.quota(ctx, "2")
		f.node()
		f.create(ctx)
		Eventually(f.names(ctx)).Should(HaveLen(2))
		Eventually(f.status(ctx)).Should(And(
			HaveField("ReadyReplicas", BeEquivalentTo(2)),
			haveCondition(v1beta1.ConditionFailedCreatePod, metav1.ConditionTrue, v1beta1.ReasonCreateRefused),
			saying(v1beta1.ConditionFailedCreatePod, "exceeded quota: pods"),
			haveCondition(v1beta1.ConditionScaling, metav1.ConditionTrue, v1beta1.ReasonScaleBlocked)))

		f.quota(ctx, "4")
		Eventually(f.names(ctx)).WithTimeout(2 * patience).Should(HaveLen(4))
		status := f.expectReady(ctx)
		Expect(status.Conditions).NotTo(ContainElement(HaveField("Type", v1beta1.ConditionFailedCreatePod)))
	})
})

var _ = Describe("A set of 200 Pods with nothing to do", func() {
	// watched is how long nothing may be written, which is longer than the controller ever puts anything off.
	const watched = 10 * time.Second
	It("causes no writes, also when the operator starts anew", func(ctx SpecContext) {
		f := settled(ctx, func(b *build.StatefulSetBuilder) {
			b.Parallel().Replicas(200).InPlace().Claim("data", "1Gi").Spec(func(s *v1beta1.StatefulSetSpec) {
				s.VolumeClaimTemplates[0].Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
			})
		})
		Expect(f.status(ctx)(Default).AvailableReplicas).To(BeEquivalentTo(200))
		var before map[string]int
		Eventually(func(g Gomega) {
			before = writes(ctx)
			time.Sleep(2 * time.Second)
			g.Expect(writes(ctx)).To(Equal(before), "not quiet yet")
		}).Should(Succeed())

		Expect(before).To(HaveKeyWithValue("POST pods/", BeNumerically(">=", 200)), "these are the right counters")

		written := func() map[string]int { return writes(ctx) }
		Consistently(written).WithTimeout(watched).WithPolling(time.Second).Should(Equal(before))
		startOperator(ctx, nil)
		Consistently(written).WithTimeout(watched).WithPolling(time.Second).Should(Equal(before), "after the operator's restart")
	})
})
