// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// makeStatus computes the whole status from what was seen, what was planned and what became of it. It also returns
// when the progress deadline will have passed, 0 when nothing runs against it.
func makeStatus(s *Snapshot, plan *Plan, outcome *Outcome) (*v1beta1.StatefulSetStatus, time.Duration) {
	status := s.Set.Status.DeepCopy()
	status.ObservedGeneration = s.Set.Generation
	status.CollisionCount = plan.Revisions.Collisions
	if outcome.Collided {
		status.CollisionCount = ptr.To(ptr.Deref(plan.Revisions.Collisions, 0) + 1)
	}
	if selector, err := metav1.LabelSelectorAsSelector(s.Set.Spec.Selector); err == nil {
		status.LabelSelector = selector.String()
	}
	p := newProgress(s, plan, outcome)
	status.CurrentRevision, status.UpdateRevision = plan.Revisions.Current, plan.Revisions.Update
	if p.rolledOut() {
		status.CurrentRevision = status.UpdateRevision
	}
	fillCounters(status, p)
	status.VolumeClaims = countClaims(s, outcome)
	p.status = status
	status.LastProgressTime = p.lastProgress()
	deadline := p.watch(status.LastProgressTime)
	report.SetConditions(&status.Conditions, s.Set.Generation, s.now(), p.conditions()...)
	p.summarize()
	return status, deadline
}

// fillCounters counts Pods as they are after the outcome: a Pod just created is there, one just deleted counts as a
// replica and as nothing else.
func fillCounters(status *v1beta1.StatefulSetStatus, p *progress) {
	status.Replicas = int32(len(p.s.Pods))
	status.ReadyReplicas, status.AvailableReplicas = 0, 0
	status.CurrentReplicas, status.UpdatedReplicas = 0, 0
	status.UpdatedReadyReplicas, status.UpdatedAvailableReplicas = 0, 0
	for _, view := range p.s.Pods {
		count(status, p.now[view])
	}
	for i := range p.outcome.Created {
		status.Replicas++
		count(status, standing{revision: p.outcome.Created[i].Revision})
	}
}

// count adds one Pod to the counters.
func count(status *v1beta1.StatefulSetStatus, pod standing) {
	if pod.leaving {
		return
	}
	updated := one(pod.revision == status.UpdateRevision)
	status.CurrentReplicas += one(pod.revision == status.CurrentRevision)
	status.UpdatedReplicas += updated
	status.ReadyReplicas += one(pod.ready)
	status.UpdatedReadyReplicas += updated * one(pod.ready)
	status.AvailableReplicas += one(pod.available)
	status.UpdatedAvailableReplicas += updated * one(pod.available)
}

func one(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// standing is how a Pod is once the outcome is known.
type standing struct {
	revision string
	state    v1beta1.LifecycleStateType
	// leaving: it is being deleted.
	leaving bool
	// changed: it was brought to the update revision in place just now.
	changed bool
	// ready and available are as in View.
	ready, available bool
}

// standings works out how every Pod of the snapshot is once the outcome is known.
func standings(s *Snapshot, plan *Plan, outcome *Outcome) map[*View]standing {
	now := make(map[*View]standing, len(s.Pods))
	for _, view := range s.Pods {
		now[view] = standing{
			revision: view.Revision, state: view.State, leaving: view.terminating(),
			ready: view.Ready && !view.terminating(), available: view.Available,
		}
	}
	for i := range outcome.Deleted {
		view := outcome.Deleted[i].View
		now[view] = standing{revision: view.Revision, state: view.State, leaving: true}
	}
	for i := range outcome.Changed {
		c := &outcome.Changed[i]
		now[c.View] = now[c.View].after(c, plan.Revisions.Update)
	}
	return now
}

// after is the standing of a Pod that was changed: out of service until the kubelet says otherwise if a container
// restarts, not available while it is being resized or waits for a hook.
func (s standing) after(c *ChangePod, updateRevision string) standing {
	s.state, s.changed = c.State, c.Updates
	if c.Updates {
		s.revision = updateRevision
	}
	for i := range c.Conditions {
		s.ready = s.ready && c.Conditions[i].Status != corev1.ConditionFalse
	}
	s.ready = s.ready && !c.Restarts
	s.available = s.available && s.ready && c.State == v1beta1.LifecycleStateNormal && c.Resize.Empty()
	return s
}

// countClaims tells of every claim template how many claims of the Pods there are ask for at least what it says, and
// how many of those have it.
func countClaims(s *Snapshot, outcome *Outcome) []v1beta1.VolumeClaimStatus {
	var out []v1beta1.VolumeClaimStatus
	asked := justAsked(outcome)
	for i := range s.Set.Spec.VolumeClaimTemplates {
		template := &s.Set.Spec.VolumeClaimTemplates[i]
		wanted, c := storage(template), v1beta1.VolumeClaimStatus{VolumeClaimName: template.Name}
		for _, ordinal := range existing(s, outcome) {
			name := claimName(template.Name, s.Set, ordinal)
			claim := s.Claims[name]
			if claim == nil && !asked[name] {
				continue
			}
			if asked[name] {
				c.CompatibleReplicas++
				continue
			}
			request, capacity := storage(claim), claim.Status.Capacity[corev1.ResourceStorage]
			if request.Cmp(wanted) >= 0 {
				c.CompatibleReplicas++
				c.CompatibleReadyReplicas += one(capacity.Cmp(request) >= 0)
			}
		}
		out = append(out, c)
	}
	return out
}

// justAsked names the claims that were made, or asked to grow, just now.
func justAsked(outcome *Outcome) map[string]bool {
	asked := map[string]bool{}
	for i := range outcome.Created {
		for _, claim := range outcome.Created[i].Claims {
			asked[claim.Name] = true
		}
	}
	for i := range outcome.Claimed {
		if outcome.Claimed[i].Storage != nil {
			asked[outcome.Claimed[i].Claim.Name] = true
		}
	}
	return asked
}

// existing lists the ordinals that have a Pod.
func existing(s *Snapshot, outcome *Outcome) []int {
	out := make([]int, 0, len(s.Pods)+len(outcome.Created))
	for _, view := range s.Pods {
		out = append(out, view.Ordinal)
	}
	for i := range outcome.Created {
		out = append(out, outcome.Created[i].Ordinal)
	}
	return out
}
