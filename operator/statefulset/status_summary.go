// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/operator/report"
)

// summarize writes what the column STATUS shows, once everything else of the status is made.
func (p *progress) summarize() {
	before := report.Summary{Text: p.status.Summary, Since: p.status.SummarySince}
	next := before.Next(p.summary(), p.s.now())
	p.status.Summary, p.status.SummarySince = next.Text, next.Since
	switch {
	case !p.s.strategy().Paused:
		p.status.PausedSince = nil
	case p.status.PausedSince == nil:
		p.status.PausedSince = ptr.To(p.s.now())
	}
}

// summary is the first of these that holds: what needs a person, what goes on, and where it rests.
func (p *progress) summary() string {
	conditions := p.status.Conditions
	ready := meta.FindStatusCondition(conditions, v1beta1.ConditionReady)
	switch {
	case meta.IsStatusConditionTrue(conditions, v1beta1.ConditionStalled):
		return report.WithCause("Stalled", p.cause(ready.Reason))
	case meta.IsStatusConditionTrue(conditions, v1beta1.ConditionRemediating):
		return "Remediating"
	case p.working() && p.rolling():
		wanted := max(0, p.s.replicas()-p.s.partition())
		return report.WithCause(fmt.Sprintf("Rolling %d/%d", min(int(p.status.UpdatedAvailableReplicas), wanted), wanted), p.cause(""))
	case p.working() && ready.Reason == v1beta1.ReasonScalingUp:
		return report.WithCause(fmt.Sprintf("%s %d/%d", p.scaling(ready.Reason), p.status.AvailableReplicas, p.s.replicas()), p.cause(""))
	case p.working() && ready.Reason == v1beta1.ReasonScalingDown:
		return fmt.Sprintf("%s %d/%d", p.scaling(ready.Reason), p.status.Replicas, p.s.replicas())
	case len(p.unavailable) > 0:
		return report.WithCause(fmt.Sprintf("NotReady %d", len(p.unavailable)), p.cause(""))
	}
	return ready.Reason
}

// scaling is the reason of the condition Scaling, if it is there.
func (p *progress) scaling(otherwise string) string {
	if c := meta.FindStatusCondition(p.status.Conditions, v1beta1.ConditionScaling); c != nil {
		return c.Reason
	}
	return otherwise
}

// cause is what blocks first, as in the messages, in one word: a refusal of the API server, a Pod that cannot run, or
// one that has crashed and is started again.
func (p *progress) cause(otherwise string) string {
	if len(p.outcome.CreateErrors)+len(p.refusedChanges()) > 0 {
		return "Refused"
	}
	crashed := ""
	for _, view := range p.unavailable {
		switch {
		case p.now[view].changed:
		case view.Broken != "":
			return view.Broken
		default:
			crashed = cmp.Or(crashed, pods.Crashed(view.Pod))
		}
	}
	return cmp.Or(crashed, otherwise)
}

// standingIn is what events for people are made from.
func standingIn(status *v1beta1.StatefulSetStatus) report.Standing {
	return report.Standing{
		Target: status.UpdateRevision, Completed: status.CurrentRevision,
		PausedSince: status.PausedSince, Conditions: status.Conditions,
	}
}
