// SPDX-License-Identifier: Apache-2.0

package program

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

func TestACacheKeepsNoBookkeepingOfOthers(t *testing.T) {
	const applied = corev1.LastAppliedConfigAnnotation
	for name, test := range map[string]struct {
		object client.Object
		want   map[string]string
	}{
		"a SidecarSet":  {&v1beta1.SidecarSet{}, map[string]string{"note": "b"}},
		"a StatefulSet": {&v1beta1.StatefulSet{}, map[string]string{"note": "b"}},
		"a SchedPatch":  {&v1alpha1.SchedPatch{}, map[string]string{"note": "b"}},
		"what we may update, and not patch": {
			&admissionregistrationv1.MutatingWebhookConfiguration{}, map[string]string{"note": "b", applied: "{}"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.object.SetResourceVersion("7")
			want := test.object.DeepCopyObject().(client.Object)
			want.SetAnnotations(test.want)
			test.object.SetAnnotations(map[string]string{"note": "b", applied: "{}"})
			test.object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
			got, err := DropBookkeeping(test.object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
	if got, err := DropBookkeeping("a tombstone"); err != nil || got != "a tombstone" {
		t.Errorf("a tombstone becomes %v, %v", got, err)
	}
}
