// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// kindInterval is how often to see whether the cluster serves a target's kind, or lets the operator read it, by now,
// and what else of a target's name there is where there is no target. Nothing tells when that changes.
const kindInterval = 30 * time.Second

// Plan is what is to be done to the cluster for one SchedPatch beside writing its status, and what its status is to say
// of the target's Pods. To do nothing is the usual plan: the webhook patches the Pods.
type Plan struct {
	// Delete is the SchedPatch, when it is to be deleted.
	Delete *v1alpha1.SchedPatch
	// Reason says why there is, or is not, something to do.
	Reason string
	// Patched are the live Pods that carry the patch. Skipped are those that were created without it since Since, though
	// they should have got it.
	Patched []PatchedPod
	Skipped []SkippedPod
	Since   metav1.Time
	// NewPods is what becomes of Pods that are created now; nil when there is no template.
	NewPods *NewPods
	// RequeueAfter is when to look again though nothing happens; 0 is never.
	RequeueAfter time.Duration
}

// obstacle is what keeps the patch from every new Pod; nil when nothing does, or there is no template.
func (p *Plan) obstacle() *Obstacle {
	if p.NewPods == nil {
		return nil
	}
	return p.NewPods.Obstacle
}

// String is what is about to be done, for the log.
func (p *Plan) String() string {
	if p.Delete == nil {
		return "do nothing: " + p.Reason
	}
	return fmt.Sprintf("delete SchedPatch %s/%s: %s", p.Delete.Namespace, p.Delete.Name, p.Reason)
}

// planner makes one plan. It looks at the template before the Pods, because it explains why they were skipped.
type planner struct {
	s    *Snapshot
	plan *Plan
	// affinity is what a new Pod has when its turn comes to get this patch. What the Pods' own was is not kept.
	affinity *corev1.Affinity
	// skipped says why Pods were created without the patch, by what is their own in it: their node selectors.
	skipped map[string]SkippedPod
}

// MakePlan decides what to do, and says what has become of the target's Pods. kubectl windlass why asks it too.
func MakePlan(s *Snapshot) *Plan {
	p := &planner{s: s, plan: &Plan{RequeueAfter: requeueAfter(s)}, skipped: map[string]SkippedPod{}}
	p.end()
	p.newPods()
	p.pods()
	return p.plan
}

// end deletes a patch that has ended if a controller made it. One that a person made stays, since it is theirs, and Git
// would bring it back.
func (p *planner) end() {
	end, ends := p.s.Patch.ExpiresAt()
	owner := metav1.GetControllerOf(p.s.Object)
	_, records := p.s.Object.Annotations[v1beta1.RemediationExclusionsAnnotation]
	switch {
	case !ends:
		p.plan.Reason = "it has no end"
	case !p.s.expired():
		p.plan.Reason = "it ends at " + written(end)
	case owner == nil:
		p.plan.Reason = "it ended at " + written(end) + " and no controller owns it"
	case records:
		p.plan.Reason = "it ended at " + written(end) + " and keeps the record of auto remediation, which deletes it in time"
	default:
		p.plan.Delete = p.s.Object
		p.plan.Reason = fmt.Sprintf("it ended at %s and %s %s, which made it, does not need it any more", written(end), owner.Kind, owner.Name)
	}
}

// requeueAfter is when the patch ends or, if that is sooner, when a missing target is to be looked for.
func requeueAfter(s *Snapshot) time.Duration {
	if s.expired() {
		return 0
	}
	var next time.Duration
	if s.Target.Object == nil {
		next = kindInterval
	}
	if end, ends := s.Patch.ExpiresAt(); ends {
		next = report.Soonest(next, end.Sub(s.Now))
	}
	return next
}

// written is a time as conditions and events show it.
func written(t metav1.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
