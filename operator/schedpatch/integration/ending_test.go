// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

var _ = Describe("The end of a patch", func() {
	It("is reported when a person made it", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		object := f.patch(ctx, func(o *v1alpha1.SchedPatch) { o.Spec.TTLSeconds = ptr.To[int32](3) })
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Ready: "False TargetNotFound"}))
		Expect(f.status(ctx)(Default).ExpiresAt.Time).To(BeTemporally("==", object.CreationTimestamp.Add(3*time.Second)))
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Ready: "True Expired"}))
		Expect(meta.IsStatusConditionTrue(f.status(ctx)(Default).Conditions, v1beta1.ConditionExpired)).To(BeTrue())
	})

	It("is that of the object when a controller made it", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		owner := create(ctx, f.advancedStatefulSet(), nil)
		gvk := v1beta1.GroupVersion.WithKind("StatefulSet")
		object := f.patch(ctx, func(o *v1alpha1.SchedPatch) {
			o.Spec.TTLSeconds = ptr.To[int32](2)
			o.OwnerReferences = []metav1.OwnerReference{*ownerReference(gvk, owner)}
		})
		Eventually(ctx, func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(object), &v1alpha1.SchedPatch{}))
		}).Should(BeTrue())
	})
})
