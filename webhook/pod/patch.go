// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"fmt"
	"slices"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// patchInjection writes an injection as a JSON patch, but for its labels and annotations. It only ever touches what it adds or
// replaces, so fields of the Pod that we do not know survive.
func patchInjection(pod *corev1.Pod, in *sidecar.Injection) []jsonpatch.Operation {
	return slices.Concat(
		editContainers("/spec/initContainers", len(pod.Spec.InitContainers), in.InitContainers),
		editContainers("/spec/containers", len(pod.Spec.Containers), in.Containers),
		appendTo("/spec/volumes", len(pod.Spec.Volumes), in.Volumes),
		appendTo("/spec/imagePullSecrets", len(pod.Spec.ImagePullSecrets), in.ImagePullSecrets),
		appendTo("/spec/readinessGates", len(pod.Spec.ReadinessGates), in.ReadinessGates),
	)
}

func editContainers(path string, length int, edits []sidecar.ContainerEdit) []jsonpatch.Operation {
	if length == 0 {
		containers := make([]corev1.Container, 0, len(edits))
		for _, edit := range edits {
			containers = append(containers, edit.Container)
		}
		return appendTo(path, 0, containers)
	}
	out := make([]jsonpatch.Operation, 0, len(edits))
	for _, edit := range edits {
		operation := "add"
		if edit.Replace {
			operation = "replace"
		}
		out = append(out, jsonpatch.NewOperation(operation, fmt.Sprintf("%s/%d", path, edit.Index), edit.Container))
	}
	return out
}

// appendTo adds to the end of a list, which may be missing when it is empty.
func appendTo[T any](path string, length int, items []T) []jsonpatch.Operation {
	if len(items) == 0 {
		return nil
	}
	if length == 0 {
		return []jsonpatch.Operation{jsonpatch.NewOperation("add", path, items)}
	}
	out := make([]jsonpatch.Operation, 0, len(items))
	for _, item := range items {
		out = append(out, jsonpatch.NewOperation("add", path+"/-", item))
	}
	return out
}
