// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Excludes reports whether the rule of a SchedPatch keeps Pods off the node of an exclusion, or lets them prefer others.
// Of one that is in force the rule may say nothing any more: then a person has taken the node out, and the operator is
// about to end it.
func Excludes(patch *v1alpha1.SchedPatch, e *Exclusion) bool { return excludes(patch.Spec.Affinity, e) }

// Lift is the affinity of a remediation SchedPatch without one of its nodes. The operator takes a node that its rule does
// not name any more for one that a person has removed, and ends the exclusion. False when the node is not excluded now.
func Lift(patch *v1alpha1.SchedPatch, node string, now time.Time) (*corev1.Affinity, bool) {
	record, err := ParseRecord(patch.Annotations[v1beta1.RemediationExclusionsAnnotation])
	if err != nil || !record.active(node, now) || !Excludes(patch, record.exclusion(node)) {
		return nil, false
	}
	var left []*Exclusion
	for _, e := range record.actives(now) {
		if e.Node != node && Excludes(patch, e) {
			left = append(left, e)
		}
	}
	required := patch.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil
	return affinityFor(left, required), true
}
