// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// denied refuses with a status, whose causes name each field.
func denied(status *metav1.Status) admissionv1.AdmissionResponse {
	return admissionv1.AdmissionResponse{Allowed: false, Result: status}
}
