// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func percent(text string) intstr.IntOrString { return intstr.FromString(text) }

func protected(name, value string) *v1beta1.StatefulSet {
	set := newSet(name)
	set.Labels = map[string]string{v1beta1.DeleteProtectionLabel: value}
	return set
}

var _ = Describe("A protected StatefulSet", func() {
	It("is not deleted under Always until the label is gone, one by one or all at once", func(ctx SpecContext) {
		set := protected("always", v1beta1.DeleteProtectionAlways)
		store(ctx, set)
		err := k8s.Delete(ctx, set)
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(`admission webhook "statefulset-deletions.apps.kruise.io" denied the request: ` +
			`statefulsets.apps.kruise.io "always" is forbidden: the label policy.kruise.io/delete-protection=Always protects StatefulSet shop/always from deletion; ` +
			`to delete it all the same, take the label away first: kubectl label statefulsets.apps.kruise.io always -n shop policy.kruise.io/delete-protection-`))
		Expect(k8s.Delete(ctx, set, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(MatchError(apierrors.IsForbidden, "forbidden"))
		Expect(k8s.DeleteAllOf(ctx, &v1beta1.StatefulSet{}, client.InNamespace(shop), client.HasLabels{v1beta1.DeleteProtectionLabel})).To(MatchError(apierrors.IsForbidden, "forbidden"))

		set.Labels = nil
		Expect(k8s.Update(ctx, set)).To(Succeed())
		Expect(k8s.Delete(ctx, set)).To(Succeed())
	})

	It("is not deleted under Cascading until it is scaled to 0", func(ctx SpecContext) {
		set := protected("cascading", v1beta1.DeleteProtectionCascading)
		store(ctx, set)
		Expect(k8s.Delete(ctx, set)).To(MatchError(ContainSubstring("kubectl scale statefulsets.apps.kruise.io cascading -n shop --replicas=0")))
		set.Spec.Replicas = ptr.To[int32](0)
		Expect(k8s.Update(ctx, set)).To(Succeed())
		Expect(k8s.Delete(ctx, set)).To(Succeed())
	})

	It("is not stored with a protection that nobody knows", func(ctx SpecContext) {
		Expect(refusal(k8s.Create(ctx, protected("misspelt", "always")))).To(Equal(
			`metadata.labels[policy.kruise.io/delete-protection]: Unsupported value: "always": supported values: "Always", "Cascading"`))
	})

	It("goes with its namespace", func(ctx SpecContext) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "closing"}}
		Expect(k8s.Create(ctx, namespace)).To(Succeed())
		set := protected("always", v1beta1.DeleteProtectionAlways)
		set.Namespace = "closing"
		Expect(k8s.Create(ctx, set)).To(Succeed())
		Expect(k8s.Delete(ctx, set)).To(MatchError(apierrors.IsForbidden, "forbidden"))
		Expect(k8s.Delete(ctx, namespace)).To(Succeed())
		Expect(k8s.Delete(ctx, set)).To(Succeed())
	})
})

var _ = Describe("A StatefulSet on its way out", func() {
	It("loses its finalizers, whatever it has become", func(ctx SpecContext) {
		set := withPolicy(newSet("leaving"), v1beta1.InPlaceOnlyPodUpdatePolicy)
		set.Finalizers = []string{"example.com/wait"}
		store(ctx, set)
		wrong := set.DeepCopy()
		wrong.Spec.Template.Labels = map[string]string{"app": "other"}
		Expect(refusal(k8s.Update(ctx, wrong))).To(ContainSubstring("must be matched by spec.selector"))

		Expect(k8s.Delete(ctx, set)).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), set)).To(Succeed())
		set.Spec.Template.Labels, set.Finalizers = map[string]string{"app": "other"}, nil
		Expect(k8s.Update(ctx, set)).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), set)).To(MatchError(apierrors.IsNotFound, "not found"))
	})
})
