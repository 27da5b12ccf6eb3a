// SPDX-License-Identifier: Apache-2.0

package podpatch

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Conditions renders conditions of a Pod as a strategic merge patch for the status subresource, which merges them by
// their type: the Pod's other conditions stay. What a condition does not say is taken away from the one that is there.
// Another Pod of the name is refused; with unchanged, so is this one if anything about it has changed since, which is
// the one precondition of the kind that such a patch can have. The condition KruisePodReady always asks for it: its
// message is a list that several programs keep, and what one of them has added since it was read must not get lost.
func Conditions(pod *corev1.Pod, conditions []corev1.PodCondition, unchanged bool) ([]byte, error) {
	merged := make([]map[string]any, 0, len(conditions))
	for i := range conditions {
		c := &conditions[i]
		unchanged = unchanged || c.Type == v1beta1.KruisePodReadyCondition
		merged = append(merged, map[string]any{
			"type": c.Type, "status": c.Status, "reason": orNull(c.Reason), "message": orNull(c.Message), "lastTransitionTime": c.LastTransitionTime,
		})
	}
	metadata := map[string]any{"uid": pod.UID}
	if unchanged {
		metadata["resourceVersion"] = pod.ResourceVersion
	}
	data, err := json.Marshal(map[string]any{"metadata": metadata, "status": map[string]any{"conditions": merged}})
	if err != nil {
		return nil, fmt.Errorf("encode conditions of Pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return data, nil
}

// orNull is what a merge patch removes an empty text by.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
