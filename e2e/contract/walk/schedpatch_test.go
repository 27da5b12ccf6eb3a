// SPDX-License-Identifier: Apache-2.0

package walk

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

var (
	deploymentKind = appsv1.SchemeGroupVersion.WithKind("Deployment")
	schedPatchKind = v1alpha1.GroupVersion.WithKind("SchedPatch")
)

var _ = Describe("A SchedPatch", func() {
	active, stuck := reading{"Current", "Healthy", "-"}, reading{"Failed", "Degraded", "-"}
	waiting := reading{"InProgress", "Healthy", "-"} // in force, but not in the eyes of kstatus

	It("is taken for done only when it is in force", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		h := record(ctx, map[schema.GroupVersionKind]string{schedPatchKind: namespace, deploymentKind: namespace})
		patch := &v1alpha1.SchedPatch{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "zoned"},
			Spec: v1alpha1.SchedPatchSpec{
				TargetRef:    v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "cart"},
				NodeSelector: map[string]string{"zone": "a"},
				OnConflict:   v1alpha1.SchedPatchConflictReject,
			},
		}
		Expect(k8s.Create(ctx, patch)).To(Succeed())
		expectReading(ctx, patch, waiting, "without its target")

		target := cart(namespace)
		Expect(k8s.Create(ctx, target)).To(Succeed())
		expectReading(ctx, patch, active, "with its target")

		demand(ctx, patch, "b")
		expectReading(ctx, patch, stuck, "against its target")
		demand(ctx, patch, "a")
		expectReading(ctx, patch, active, "with its target again")

		Expect(k8s.Delete(ctx, target)).To(Succeed())
		expectReading(ctx, patch, waiting, "without its target again")
		expectTruth(h, patch, contradicted)
	})
})

// cart is a Deployment whose Pods demand zone a.
func cart(namespace string) *appsv1.Deployment {
	labels := map[string]string{"app": "cart"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cart"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{NodeSelector: map[string]string{"zone": "a"}, Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
			},
		},
	}
}

// demand lets a patch demand another zone.
func demand(ctx context.Context, patch *v1alpha1.SchedPatch, zone string) {
	GinkgoHelper()
	before := patch.DeepCopy()
	patch.Spec.NodeSelector = map[string]string{"zone": zone}
	Expect(k8s.Patch(ctx, patch, client.MergeFrom(before))).To(Succeed())
}

// contradicted reports whether a version of a patch demands what its target forbids, or whether the operator has not
// told of it yet.
func contradicted(_ []event, object *unstructured.Unstructured) (wrongs []string) {
	selector, _, _ := unstructured.NestedStringMap(object.Object, "spec", "nodeSelector")
	if selector["zone"] != "a" {
		wrongs = append(wrongs, "its target demands another zone")
	}
	if seen, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration"); seen != object.GetGeneration() {
		wrongs = append(wrongs, "the operator has not seen it")
	}
	return wrongs
}
