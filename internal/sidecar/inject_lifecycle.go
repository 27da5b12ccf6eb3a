// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podready"
)

// addLifecycle adds what the operator and the program behind the set's hook need to take the Pod out of service before
// an update: the readiness gate, and the labels by which the hook holds it. A label that the Pod brings with another
// value stays, since a workload may select by it. Finalizers are nobody's to add here: they would also hold deletions.
func (in *Injection) addLifecycle(pod *corev1.Pod, set *Set) (changes bool) {
	gate := corev1.PodReadinessGate{ConditionType: v1beta1.KruisePodReadyCondition}
	if set.Drains() && !podready.Gated(pod) {
		changes = true
		if !slices.Contains(in.ReadinessGates, gate) {
			in.ReadinessGates = append(in.ReadinessGates, gate)
		}
	}
	hook := set.Hook()
	if hook == nil {
		return changes
	}
	for _, key := range slices.Sorted(maps.Keys(hook.LabelsHandler)) {
		value, has := pod.Labels[key]
		if !has {
			value, has = in.Labels[key]
			changes = true
		}
		switch wanted := hook.LabelsHandler[key]; {
		case !has:
			if in.Labels == nil {
				in.Labels = map[string]string{}
			}
			in.Labels[key] = wanted
		case value != wanted:
			in.Warnings = append(in.Warnings, fmt.Sprintf("SidecarSet %s leaves label %s as it is: the Pod has %q, not the %q "+
				"of spec.lifecycle.inPlaceUpdate.labelsHandler, so that the hook does not hold updates of this Pod", set.Name(), key, value, wanted))
		}
	}
	return changes
}
