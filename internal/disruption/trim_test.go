// SPDX-License-Identifier: Apache-2.0

package disruption

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func TestTheCacheKeepsWhatIsAskedOfABudget(t *testing.T) {
	whole := made("web", app("web"), allowing(3, 3))
	whole.UID, whole.ResourceVersion = "uid", "7"
	want := *whole.DeepCopy()
	whole.Annotations = map[string]string{"note": "a long one"}
	whole.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	whole.Spec.MinAvailable = ptr.To(intstr.FromInt32(3))
	trimmed, err := Trim(&whole)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, trimmed); diff != "" {
		t.Errorf("trimmed (-want +got):\n%s", diff)
	}
	pods := ofApp("web", 3)
	_, got := counter(pods, *trimmed.(*policyv1.PodDisruptionBudget)).Obstacle(&pods[0])
	if diff := cmp.Diff("PodDisruptionBudget shop/web allows none now (3 healthy of 3 needed)", got); diff != "" {
		t.Errorf("what it says (-want +got):\n%s", diff)
	}
	for _, other := range []any{&pods[0], "a tombstone"} {
		if same, err := Trim(other); err != nil || same != other {
			t.Errorf("%T has become %v, %v", other, same, err)
		}
	}
}
