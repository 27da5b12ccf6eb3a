// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Plan is what is to be done to the cluster for one SchedPatch, beside writing its status. Nothing is the usual plan:
// the webhook patches the Pods.
type Plan struct {
	// Delete is the SchedPatch, when it is to be deleted.
	Delete *v1alpha1.SchedPatch
	// Reason says why there is, or is not, something to do.
	Reason string
}

// String tells what is about to be done, for the log.
func (p *Plan) String() string {
	if p.Delete == nil {
		return "do nothing: " + p.Reason
	}
	return fmt.Sprintf("delete SchedPatch %s/%s: %s", p.Delete.Namespace, p.Delete.Name, p.Reason)
}

// makePlan deletes a patch that has ended if a controller made it. One that a person made stays, since it is theirs,
// and Git would bring it back.
func makePlan(s *Snapshot) *Plan {
	end, ends := s.Patch.ExpiresAt()
	switch {
	case !ends:
		return &Plan{Reason: "it has no end"}
	case !s.expired():
		return &Plan{Reason: "it ends at " + written(end)}
	}
	owner := metav1.GetControllerOf(s.Object)
	if owner == nil {
		return &Plan{Reason: "it ended at " + written(end) + " and no controller owns it"}
	}
	if _, records := s.Object.Annotations[v1beta1.RemediationExclusionsAnnotation]; records {
		return &Plan{Reason: "it ended at " + written(end) + " and keeps the record of auto remediation, which deletes it in time"}
	}
	return &Plan{Delete: s.Object, Reason: fmt.Sprintf("it ended at %s and %s %s, which made it, does not need it any more", written(end), owner.Kind, owner.Name)}
}

// written is a time as conditions and events show it.
func written(t metav1.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
