package pod

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// header is the little of a Pod that most Pods are passed by: no set matches
// their labels, and no patch is for their owner.
type header struct {
	Labels          map[string]string       `json:"labels"`
	OwnerReferences []metav1.OwnerReference `json:"ownerReferences"`
	Annotations     struct {
		// Omitted is there when the creator has forged what only the webhook writes.
		Omitted *string `json:"apps.kruise.io/sidecarset-omitted"`
	} `json:"annotations"`
}

// headerOf decodes no more of a Pod than its header.
func headerOf(raw []byte) (header, error) {
	var pod struct {
		Metadata header `json:"metadata"`
	}
	err := json.Unmarshal(raw, &pod)
	return pod.Metadata, err
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
