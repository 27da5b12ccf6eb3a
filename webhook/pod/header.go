// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/webhook/spans"
)

// header is the little of a Pod that most Pods are passed by: no set matches their labels, and no patch is for their
// owner.
type header struct {
	Labels          map[string]string       `json:"labels"`
	OwnerReferences []metav1.OwnerReference `json:"ownerReferences"`
	Annotations     records                 `json:"annotations"`
}

// records are annotations that only the webhook writes. They are there when the creator has forged them, or has copied
// another Pod.
type records struct {
	Omitted          *string `json:"apps.kruise.io/sidecarset-omitted"`
	Injected         *string `json:"kruise.io/sidecarset-injected-list"`
	Hash             *string `json:"kruise.io/sidecarset-hash"`
	HashWithoutImage *string `json:"kruise.io/sidecarset-hash-without-image"`
}

// forged reports whether there is something to correct though no set matches.
func (r *records) forged(enforced bool) bool {
	return r.Omitted != nil || enforced && (r.Injected != nil || r.Hash != nil || r.HashWithoutImage != nil)
}

// headerOf decodes no more of a Pod than its header, and reads no more of the rest than where the header is. What is
// not plain JSON is read as a whole.
func headerOf(raw []byte) (header, error) {
	var metadata [1]spans.Span
	var head header
	if spans.Find(raw, metadata[:], "metadata") && json.Unmarshal(metadata[0].In(raw), &head) == nil {
		return head, nil
	}
	var pod struct {
		Metadata header `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &pod); err != nil {
		return header{}, fmt.Errorf("the request's object is not a Pod: %w", err)
	}
	return pod.Metadata, nil
}

// controller is the Pod's owner that has created it, nil when there is none.
func (h *header) controller() *metav1.OwnerReference {
	for i := range h.OwnerReferences {
		if controller := h.OwnerReferences[i].Controller; controller != nil && *controller {
			return &h.OwnerReferences[i]
		}
	}
	return nil
}
