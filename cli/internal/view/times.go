// SPDX-License-Identifier: Apache-2.0

package view

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// SidecarTimes are when Pods got the current version of a SidecarSet.
func SidecarTimes(set *sidecar.Set, pods []*corev1.Pod) []time.Time {
	var out []time.Time
	decoder := sidecar.NewDecoder(set)
	for _, pod := range pods {
		if view := decoder.View(pod); view.Updated() {
			out = append(out, view.WrittenAt())
		}
	}
	return out
}

// UpdateTimes are when Pods of a StatefulSet got the revision that the rollout goes to.
func UpdateTimes(set *v1beta1.StatefulSet, pods []*corev1.Pod) []time.Time {
	var out []time.Time
	for _, pod := range pods {
		if pod.Labels[appsv1.ControllerRevisionHashLabelKey] != set.Status.UpdateRevision {
			continue
		}
		at := pod.CreationTimestamp.Time
		if state, err := inplace.ParseState(pod.Annotations); err == nil && state != nil && state.Revision == set.Status.UpdateRevision {
			at = state.UpdateTimestamp.Time
		}
		out = append(out, at)
	}
	return out
}
