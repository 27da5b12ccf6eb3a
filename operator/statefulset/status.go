package statefulset

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// makeStatus computes the whole status from what was seen, what was planned
// and what became of it.
func makeStatus(s *Snapshot, plan *Plan, _ *Outcome) (*v1beta1.StatefulSetStatus, float64) {
	status := s.Set.Status.DeepCopy()
	status.ObservedGeneration = s.Set.Generation
	status.CurrentRevision, status.UpdateRevision = plan.Revisions.Current, plan.Revisions.Update
	status.CollisionCount = plan.Revisions.Collisions
	status.Replicas = int32(len(s.Pods))
	return status, 0
}

func invalidStatus(set *v1beta1.StatefulSet, _ error, _ metav1.Time) *v1beta1.StatefulSetStatus {
	return set.Status.DeepCopy()
}
