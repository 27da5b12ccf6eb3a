// SPDX-License-Identifier: Apache-2.0

package sidecarset

import "github.com/windlass-operator/windlass/api/v1beta1"

// countPods counts the Pods of a set by state, as the metric has them. They are those of its status, and of the column
// STATUS: who has opted out of the sidecars misses nothing.
func countPods(s *Snapshot, plan *Plan, status *v1beta1.SidecarSetStatus) map[string]int {
	waiting := 0
	for i := range status.Waiting {
		waiting += int(status.Waiting[i].Pods)
	}
	return map[string]int{
		"matched":       int(status.MatchedPods),
		"updated":       int(status.UpdatedPods),
		"ready":         int(status.ReadyPods),
		"updated_ready": int(status.UpdatedReadyPods),
		"uninjected":    uninjected(s),
		"waiting":       waiting,
		"limited":       plan.limited(),
	}
}
