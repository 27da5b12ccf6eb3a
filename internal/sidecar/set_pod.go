// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// records are a Pod's annotations about SidecarSets.
type records struct {
	Pod *corev1.Pod
}

// entries decodes one of the annotations. What cannot be read is as good as absent.
func (r *records) entries(annotation string) entries {
	out, _ := parseEntries(r.Pod.Annotations[annotation])
	return out
}

// Injected reports whether the Pod says that a set was injected into it.
func (r *records) Injected(name string) bool {
	for injected := range strings.SplitSeq(r.Pod.Annotations[v1beta1.SidecarSetInjectedListAnnotation], ",") {
		if injected == name {
			return true
		}
	}
	return false
}

// holds reports whether a set was injected into the Pod and all of its containers are there.
func (r *records) holds(set *Set) bool {
	if !r.Injected(set.Name()) {
		return false
	}
	for i := range set.Spec.Containers {
		for _, name := range namesInPod(&set.Spec.Containers[i]) {
			if pods.Find(r.Pod, name) == nil {
				return false
			}
		}
	}
	return true
}

// listOf is the name of one of a Pod's two lists of containers.
func listOf(init bool) string {
	if init {
		return pods.InitContainers
	}
	return pods.Containers
}

// workingContainers maps hot-upgrade sidecars to the container that works. An annotation that cannot be read is as good
// as absent.
func (r *records) workingContainers() map[string]string {
	out := map[string]string{}
	if text := r.Pod.Annotations[v1beta1.SidecarSetWorkingContainersAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), &out); err != nil || out == nil { // null is decoded to no map
			return map[string]string{}
		}
	}
	return out
}

// encodeNames writes a map of names as the wire does.
func encodeNames(names map[string]string) string {
	data, _ := json.Marshal(names) // a map of strings always encodes
	return string(data)
}
