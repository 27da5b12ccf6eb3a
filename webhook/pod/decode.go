// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"cmp"
	"encoding/json"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/internal/quantity"
)

// decode reads a Pod, with the faults of quantities that would cost more memory than there is: those must not even be
// decoded.
func decode(raw []byte) (*corev1.Pod, field.ErrorList, error) {
	pod := &corev1.Pod{}
	raw, faults, err := quantity.Bound(raw, pod)
	if err != nil {
		return nil, nil, err
	}
	return pod, faults, json.Unmarshal(raw, pod)
}

// outOfBounds refuses a Pod that nothing can be computed of. No node could take it.
func outOfBounds(pod *corev1.Pod, faults field.ErrorList) admission.Response {
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, cmp.Or(pod.Name, pod.GenerateName), faults)
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &invalid.ErrStatus}}
}
