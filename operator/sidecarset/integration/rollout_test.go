// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// condition matches one condition of a status.
func condition(kind string, status metav1.ConditionStatus, reason string) OmegaMatcher {
	return MatchFields(IgnoreExtras, Fields{"Type": Equal(kind), "Status": Equal(status), "Reason": Equal(reason)})
}

var _ = Describe("A rollout", func() {
	It("changes one Pod at a time, and goes on when the kubelet is done", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		for _, name := range []string{"a", "b", "c"} {
			f.pod(ctx, name, true)
		}
		f.image(ctx, "agent:2")
		for done := 1; done <= 3; done++ {
			Eventually(f.updated(ctx, "agent:2")).WithContext(ctx).WithTimeout(patience).Should(Equal(done))
			Consistently(f.updated(ctx, "agent:2"), "500ms").Should(Equal(done), "the budget is one Pod")
			var changed []string // all of them before the first starts, for then the next one goes
			for _, name := range []string{"a", "b", "c"} {
				if f.get(ctx, name).Spec.Containers[0].Image == "agent:2" {
					changed = append(changed, name)
				}
			}
			for _, name := range changed {
				f.kubelet(ctx, name)
			}
		}
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"MatchedPods": Equal(int32(3)), "UpdatedPods": Equal(int32(3)), "ReadyPods": Equal(int32(3)), "UpdatedReadyPods": Equal(int32(3)),
			"Conditions": And(
				ContainElement(condition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)),
				Not(ContainElement(MatchFields(IgnoreExtras, Fields{"Type": Equal(v1beta1.ConditionReconciling)})))),
		}))
	})

	It("is held by paused and goes on when resumed", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) { b.Paused() })
		f.pod(ctx, "a", true)
		f.image(ctx, "agent:2")
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"Conditions": ContainElement(condition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonPaused))}))
		Expect(f.updated(ctx, "agent:2")()).To(BeZero())
		f.change(ctx, func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.Paused = false })
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(1))
	})

	It("does not wait for a Pod that was deleted in mid-update", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		for _, name := range []string{"a", "b"} {
			f.pod(ctx, name, true)
		}
		f.image(ctx, "agent:2")
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(1))
		for _, name := range []string{"a", "b"} {
			if pod := f.get(ctx, name); pod.Spec.Containers[0].Image == "agent:2" {
				Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
				break
			}
		}
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(1), "the other Pod's turn has come")
	})

	It("leaves Pods alone that cannot change in place, and says so", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.pod(ctx, "a", true)
		f.change(ctx, func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Args = []string{"--verbose"} })
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"MatchedPods": Equal(int32(1)), "UpdatedPods": BeZero(),
			"Conditions": ContainElement(condition(v1beta1.ConditionUpdateLimited, metav1.ConditionTrue, v1beta1.ReasonUpdateImmutableField))}))
	})
})

var _ = Describe("Pods without sidecars", func() {
	It("are counted and named, and forgotten when they go", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		bare := f.pod(ctx, "bare", false)
		f.pod(ctx, "good", true)
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"MatchedPods": Equal(int32(1)), "UninjectedPods": Equal(int32(1)),
			"Uninjected": ConsistOf(MatchFields(IgnoreExtras, Fields{"Namespace": Equal(f.namespace), "Name": Equal("bare")})),
			"Conditions": ContainElement(condition(v1beta1.ConditionInjected, metav1.ConditionFalse, v1beta1.ReasonPodsNotInjected))}))
		Expect(k8s.Delete(ctx, bare, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"UninjectedPods": BeZero(), "Uninjected": BeEmpty(),
			"Conditions": ContainElement(condition(v1beta1.ConditionInjected, metav1.ConditionTrue, v1beta1.ReasonAllPodsInjected))}))
	})

	It("are not missed where injection is turned off", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.pod(ctx, "bare", false)
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{"UninjectedPods": Equal(int32(1))}))
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.namespace}}
		patch := []byte(`{"metadata":{"labels":{"` + v1beta1.InjectionLabel + `":"` + v1beta1.InjectionDisabled + `"}}}`)
		Expect(k8s.Patch(ctx, namespace, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{"UninjectedPods": BeZero()}))
	})
})

// The controller tells a write that came too late from one that is wrong by what the API server answers.
var _ = Describe("The API server", func() {
	It("answers a failed test of a JSON patch with Invalid and no causes", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		pod := f.pod(ctx, "a", true)
		for name, operations := range map[string][]map[string]any{
			"another UID":      {{"op": "test", "path": "/metadata/uid", "value": "other"}},
			"a changed value":  {{"op": "test", "path": "/spec/containers/0/image", "value": "agent:0"}},
			"a vanished value": {{"op": "test", "path": "/spec/containers/7/name", "value": "agent"}},
		} {
			patch, err := json.Marshal(operations)
			Expect(err).NotTo(HaveOccurred())
			err = k8s.Patch(ctx, pod.DeepCopy(), client.RawPatch(types.JSONPatchType, patch))
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%s: %v", name, err)
			status := &apierrors.StatusError{}
			Expect(errors.As(err, &status)).To(BeTrue())
			if details := status.Status().Details; details != nil {
				Expect(details.Causes).To(BeEmpty(), name)
			}
		}
	})
})
