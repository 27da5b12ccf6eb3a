// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// newSet is a SidecarSet for Pods labelled app=<app>, with the container agent.
func newSet(name, app string) *v1beta1.SidecarSet {
	set := build.MakeSidecarSet(name).Container("agent", "agent:1").
		Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}).Obj()
	set.ObjectMeta = metav1.ObjectMeta{Name: name}
	return set
}

// store creates a SidecarSet and waits until the webhook knows it.
func store(ctx SpecContext, set *v1beta1.SidecarSet) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, set)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { remove(ctx, set) })
	Eventually(func() *v1beta1.SidecarSet { return stored.Stored.Get(set.Name) }, patience).ShouldNot(BeNil())
}

// remove deletes a SidecarSet and waits until the webhook has forgotten it: it would stand in the way of the next spec.
func remove(ctx SpecContext, set *v1beta1.SidecarSet) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, set))).To(Succeed())
	Eventually(func() *v1beta1.SidecarSet { return stored.Stored.Get(set.Name) }, patience).Should(BeNil())
}

var _ = Describe("A SidecarSet", func() {
	It("is refused with field and remedy when another brings the same container", func(ctx SpecContext) {
		store(ctx, newSet("first", "web"))
		err := k8s.Create(ctx, newSet("second", "web"))
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring(`spec.containers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "first" too`)))
		store(ctx, newSet("third", "db"))
	})

	It("may be changed beside its canary, and the canary beside it", func(ctx SpecContext) {
		base, canary := newSet("base", "web"), newSet("canary", "web")
		canary.Annotations = map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: "base"}
		canary.Spec.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
		Expect(k8s.Create(ctx, canary)).To(MatchError(ContainSubstring("create the base before its canary")))
		// Not waiting for the webhook to know the base: a canary may follow at once.
		Expect(k8s.Create(ctx, base)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { remove(ctx, base) })
		store(ctx, canary)
		for _, set := range []*v1beta1.SidecarSet{base, canary} {
			set.Spec.Containers[0].Image = "agent:2"
			Expect(k8s.Update(ctx, set)).To(Succeed())
		}
	})

	It("is let go when it is being deleted, whatever it has become", func(ctx SpecContext) {
		set := newSet("leaving", "web")
		set.Finalizers = []string{"example.com/wait"}
		store(ctx, set)
		set.Annotations = map[string]string{v1beta1.SidecarSetBaseAnnotation: "changed"}
		Expect(k8s.Update(ctx, set)).To(MatchError(ContainSubstring("the base of a canary cannot change")))
		Expect(k8s.Delete(ctx, set)).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), set)).To(Succeed())
		set.Annotations, set.Finalizers = map[string]string{v1beta1.SidecarSetBaseAnnotation: "changed"}, nil
		Expect(k8s.Update(ctx, set)).To(Succeed())
	})

	It("is stored with a warning of what the policy and a namespace's Pod Security do not allow", func(ctx SpecContext) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"}}}
		Expect(k8s.Create(ctx, namespace)).To(Succeed())
		set := newSet("privileged", "web")
		set.Spec.Namespace = "shop"
		set.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
		Eventually(func() []string {
			warnings.Take()
			Expect(k8s.Create(ctx, set.DeepCopy(), client.DryRunAll)).To(Succeed())
			return warnings.Take()
		}, patience).Should(ConsistOf(
			`spec.containers[0].securityContext.privileged: policy sidecarSet.policy.privileged: container "agent" is privileged: no sidecar may be`,
			`namespace "shop" enforces Pod Security "baseline", which refuses Pods with these sidecars: privileged (container "agent" must not set securityContext.privileged=true)`,
		))
	})
})
