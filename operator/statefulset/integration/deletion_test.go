// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("A set that is deleted", func() {
	It("with --cascade=orphan does not take back the Pods that it lets go", func(ctx SpecContext) {
		f := settled(ctx, nil)
		pods := f.identities(ctx)
		Expect(k8s.Delete(ctx, f.set, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(f.set), f.set)).To(Succeed())
		Expect(f.set.Finalizers).To(ContainElement(metav1.FinalizerOrphanDependents))

		By("letting the Pods go, while the set is still there")
		f.collect(ctx)
		Consistently(f.ownerless(ctx)).Should(HaveLen(3))
		f.remove(ctx)
		f.merge(ctx, "web-0", `{"metadata":{"labels":{"late":"event"}}}`)
		Consistently(f.ownerless(ctx)).Should(HaveLen(3))
		Expect(f.identities(ctx)).To(Equal(pods))
	})

	It("in the foreground does not make the Pods anew that the garbage collector deletes", func(ctx SpecContext) {
		f := settled(ctx, nil)
		Expect(k8s.Delete(ctx, f.set, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(f.set), f.set)).To(Succeed())
		Expect(f.set.Finalizers).To(ContainElement(metav1.FinalizerDeleteDependents))
		for name := range f.identities(ctx) {
			Expect(*metav1.GetControllerOf(f.pod(ctx, name)).BlockOwnerDeletion).To(BeTrue(), "the deletion waits for %s", name)
			Expect(k8s.Delete(ctx, f.pod(ctx, name))).To(Succeed())
		}
		Eventually(f.names(ctx)).Should(BeEmpty())
		Consistently(f.names(ctx)).Should(BeEmpty())
	})

	It("with --cascade=orphan and made anew takes the Pods that it finds", func(ctx SpecContext) {
		f := settled(ctx, nil)
		pods := f.identities(ctx)
		Expect(k8s.Delete(ctx, f.set, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		f.collect(ctx)
		f.remove(ctx)
		f.set.ObjectMeta = metav1.ObjectMeta{Namespace: f.namespace, Name: "web"}
		f.create(ctx)
		f.expectReady(ctx)
		Expect(f.identities(ctx)).To(Equal(pods))
		Expect(f.ownerless(ctx)()).To(BeEmpty())
	})
})

// collect lets everything go that the set owns, as the garbage collector does before it lets an orphaning deletion end.
func (f *fixture) collect(ctx SpecContext) {
	GinkgoHelper()
	nobody := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null}}`))
	for _, pod := range f.pods(ctx) {
		Expect(k8s.Patch(ctx, &pod, nobody)).To(Succeed())
	}
	for name := range f.revisions(ctx) {
		revision := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}}
		Expect(k8s.Patch(ctx, revision, nobody)).To(Succeed())
	}
}

// ownerless names the Pods that nobody controls.
func (f *fixture) ownerless(ctx SpecContext) func() []string {
	return func() []string {
		var out []string
		for _, pod := range f.pods(ctx) {
			if metav1.GetControllerOf(&pod) == nil {
				out = append(out, pod.Name)
			}
		}
		return out
	}
}
