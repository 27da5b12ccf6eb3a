// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/remediation"
)

// remedyInput is what auto remediation needs to know of a set.
func remedyInput(s *Snapshot, revisions *RevisionPlan) *remediation.Input {
	input := &remediation.Input{Set: s.Set, Revisions: []string{revisions.Update}}
	if s.partition() > 0 && s.recorded(revisions.Current) {
		input.Revisions = append(input.Revisions, revisions.Current)
	}
	for _, m := range newLayout(s).members {
		input.Ordinals = append(input.Ordinals, m.Ordinal)
		if m.missing() {
			continue
		}
		input.Pods = append(input.Pods, remediation.Pod{
			Pod: m.Pod, Ordinal: m.Ordinal, Revision: m.Revision, Ready: m.Ready, Changing: m.Unfinished != "",
			Right: !m.Orphan && m.Revision == s.revisionAt(m.Position, m.Revision, input.Revisions),
			Hook:  hookWords("preDelete", preDelete(s.Set), m.Pod, "removed"), Own: s.ownContainers(m.Pod, m.Revision),
		})
	}
	return input
}

// ownContainers names the containers of a Pod that the template of its revision names, nil when that cannot be read.
func (s *Snapshot) ownContainers(pod *corev1.Pod, revision string) sets.Set[string] {
	for _, r := range s.Revisions {
		if r.Object.Name == revision && r.Template != nil {
			return remediation.OwnContainers(pod, r.Template)
		}
	}
	return nil
}

// revisionAt names the revision that a replacement of a Pod is made at: that of the update, or the one that the
// partition keeps. Without an order the partition keeps a number of Pods, so there a Pod may be at either.
func (s *Snapshot) revisionAt(position int, at string, revisions []string) string {
	update, kept := revisions[0], revisions[len(revisions)-1]
	if s.strategy().UnorderedUpdate != nil {
		if at == kept {
			return kept
		}
		return update
	}
	if position < s.partition() {
		return kept
	}
	return update
}

// lastResult is what the status says of auto remediation.
func lastResult(set *v1beta1.StatefulSet) *remediation.Result {
	r := &remediation.Result{}
	if c := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionRemediating); c != nil {
		r.Condition = &metav1.Condition{Status: c.Status, Reason: c.Reason, Message: c.Message}
		if c.Reason == v1beta1.ReasonAllNodesFailing {
			r.AllNodesFailing = c.Message
		}
	}
	return r
}
