// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// availabilityWarnings tell of what keeps Pods from being updated, although nothing is wrong with the set.
func availabilityWarnings(input Input) []string {
	strategy := &input.Set.Spec.UpdateStrategy
	if strategy.Type == v1beta1.NotUpdateSidecarSetStrategyType || strategy.Paused {
		return nil
	}
	var out []string
	if isZero(strategy.MaxUnavailable) {
		now := ""
		if input.Old != nil && input.Old.Status.ReadyPods > 0 {
			now = fmt.Sprintf(" (%d now)", input.Old.Status.ReadyPods)
		}
		out = append(out, fmt.Sprintf("spec.updateStrategy.maxUnavailable: %s lets no serving Pod be updated%s; paused: true stops "+
			"the others too", strategy.MaxUnavailable, now))
	}
	switch n := len(input.Protecting); n {
	case 0:
	case 1:
		out = append(out, fmt.Sprintf("spec.updateStrategy.disruptionBudgets: PodDisruptionBudget %s allows none of its Pods to go "+
			"now: those of this set keep the earlier sidecars until it does, or until this field is Ignore", input.Protecting[0]))
	default:
		out = append(out, fmt.Sprintf("spec.updateStrategy.disruptionBudgets: %d PodDisruptionBudgets, the first %s, allow none of "+
			"their Pods to go now: those of this set keep the earlier sidecars until they do, or until this field is Ignore",
			n, input.Protecting[0]))
	}
	return out
}

// isZero reports whether a number, or a percentage, is there and 0.
func isZero(value *intstr.IntOrString) bool {
	if value == nil {
		return false
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, 100, true)
	return err == nil && n == 0
}
