// SPDX-License-Identifier: Apache-2.0

package statefulset

import "github.com/windlass-operator/windlass/api/v1beta1"

// why says in a few words why a Pod is not available. It says nothing that changes from second to second.
func (p *progress) why(view *View) string {
	switch {
	case p.now[view].changed:
		return "just updated in place"
	case view.Unfinished == "" && view.Ready && !p.now[view].ready:
		return "taken out of service for its update"
	case view.State != p.now[view].state && p.now[view].state == v1beta1.LifecycleStateNormal:
		return "no hook holds it any more"
	}
	return state(view)
}

// countPods counts the Pods of a set by state, as the metric has them. They are those of its status and of its conditions.
func countPods(s *Snapshot, plan *Plan, status *v1beta1.StatefulSetStatus) map[string]int {
	limited := 0
	for i := range plan.Layout.members {
		if m := &plan.Layout.members[i]; !m.missing() && m.Limited.Held() {
			limited++
		}
	}
	return map[string]int{
		"wanted":            s.replicas(),
		"updated":           int(status.UpdatedReplicas),
		"ready":             int(status.ReadyReplicas),
		"available":         int(status.AvailableReplicas),
		"updated_available": int(status.UpdatedAvailableReplicas),
		"waiting":           len(plan.Rollout.Waiting),
		"limited":           limited,
	}
}
