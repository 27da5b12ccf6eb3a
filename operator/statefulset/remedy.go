// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/remediation"
)

// Remediator moves Pods that cannot start because of their node.
type Remediator interface {
	// Concerns reports whether there is anything for it to do for a set.
	Concerns(ctx context.Context, set *v1beta1.StatefulSet) (bool, error)
	// Remediate does what is to be done now and says how it stands; nil when there is nothing to say.
	Remediate(ctx context.Context, input *remediation.Input) (*remediation.Result, error)
	// Forget drops what is remembered of a set that is gone.
	Forget(set types.NamespacedName)
}

var _ Remediator = &remediation.Remediator{}

// remedyTime is how long auto remediation may take in one look. It waits for the cache to have seen our own writes
// while all other sets wait for it in turn, so a watch that stalls must not hold it for ever.
const remedyTime = time.Minute

// Prepare lets auto remediation do its part for a set before anything is planned, and returns the snapshot with its
// result. Where a Pod was deleted the set is looked at again. When it fails, or is not done after remedyTime, the set is
// cared for as it would be without it, and what the status says of it stays.
func (r *steps) Prepare(ctx context.Context, s *Snapshot) (*Snapshot, error) {
	if r.remediator == nil {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, remedyTime)
	defer cancel()
	concerned, err := r.remediator.Concerns(ctx, s.Set)
	if err == nil && !concerned {
		return s, nil
	}
	var result *remediation.Result
	if err == nil {
		result, err = r.remediate(ctx, s)
	}
	if err != nil {
		return s.withRemedy(lastResult(s.Set)), err
	}
	if result != nil && result.Deleted {
		if s, err = r.gatherer.snapshot(ctx, client.ObjectKeyFromObject(s.Set)); s == nil || err != nil {
			return nil, err
		}
	}
	return s.withRemedy(result), nil
}

// withRemedy is the snapshot with what auto remediation says.
func (s *Snapshot) withRemedy(result *remediation.Result) *Snapshot {
	finished := *s
	finished.Remedy = result
	return &finished
}

func (r *steps) remediate(ctx context.Context, s *Snapshot) (*remediation.Result, error) {
	revisions, err := planRevisions(s)
	if err != nil {
		return nil, err
	}
	return r.remediator.Remediate(ctx, remedyInput(s, &revisions))
}

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
			Hook:  hookWords("preDelete", preDelete(s.Set), m.Pod, "removed"),
		})
	}
	return input
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

// recorded reports whether Pods can be made from a revision.
func (s *Snapshot) recorded(name string) bool {
	for _, r := range s.Revisions {
		if r.Object.Name == name {
			return r.Template != nil
		}
	}
	return false
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

// allNodesFailing says that Pods start on no node, "" when that is not so.
func (s *Snapshot) allNodesFailing() string {
	if s.Remedy == nil {
		return ""
	}
	return s.Remedy.AllNodesFailing
}

// remediatingCondition is what auto remediation says.
func remediatingCondition(p *progress) *metav1.Condition {
	if p.s.Remedy == nil {
		return nil
	}
	return p.s.Remedy.Condition
}

// remedyIn is when auto remediation wants to look again, 0 for never.
func (s *Snapshot) remedyIn() time.Duration {
	if s.Remedy == nil {
		return 0
	}
	return s.Remedy.RequeueAfter
}
