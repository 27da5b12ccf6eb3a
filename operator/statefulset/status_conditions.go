// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// conditions are those that this controller keeps.
func (p *progress) conditions() []report.Condition {
	v := p.situation()
	return []report.Condition{
		{Type: v1beta1.ConditionReady, Value: readyCondition(v)},
		{Type: v1beta1.ConditionReconciling, Value: reconcilingCondition(p, v)},
		{Type: v1beta1.ConditionStalled, Value: stalledCondition(p, v)},
		{Type: v1beta1.ConditionAvailable, Value: availableCondition(p)},
		{Type: v1beta1.ConditionProgressing, Value: progressingCondition(p, v)},
		{Type: v1beta1.ConditionScaling, Value: scalingCondition(p)},
		{Type: v1beta1.ConditionRemediating, Value: remediatingCondition(p)},
		{Type: v1beta1.ConditionFailedCreatePod, Value: failedCreateCondition(p)},
		{Type: v1beta1.ConditionFailedUpdatePod, Value: failedUpdateCondition(p)},
		{Type: v1beta1.ConditionUpdateLimited, Value: updateLimitedCondition(p)},
	}
}

// updateLimitedCondition names the Pods that keep the resources that they had, since their nodes do not give them more.
func updateLimitedCondition(p *progress) *metav1.Condition {
	var infeasible, deferred []report.HeldResize
	for i := range p.plan.Layout.members {
		m := &p.plan.Layout.members[i]
		if m.missing() || !m.Limited.Held() {
			continue
		}
		held := report.HeldResize{Pod: m.Pod.Name, Node: m.Pod.Spec.NodeName, Words: m.Limited.Message}
		if m.Limited.Infeasible() {
			infeasible = append(infeasible, held)
		} else {
			deferred = append(deferred, held)
		}
	}
	return report.UpdateLimited("", "", infeasible, deferred)
}

// invalidStatus is that of a set that cannot be used as it is. Counters stay as they were: nothing was counted.
func invalidStatus(set *v1beta1.StatefulSet, err error, now metav1.Time) *v1beta1.StatefulSetStatus {
	status := set.Status.DeepCopy()
	status.ObservedGeneration = set.Generation
	ready := fmt.Sprintf("StatefulSet %s/%s cannot be used until it is corrected: %v", set.Namespace, set.Name, err)
	report.SetConditions(&status.Conditions, set.Generation, now,
		report.InvalidSpec(ready, report.Brief(err.Error()), v1beta1.ConditionProgressing)...)
	summary := report.Summary{Text: status.Summary, Since: status.SummarySince}.Next("Stalled: "+v1beta1.ReasonInvalidSpec, now)
	status.Summary, status.SummarySince = summary.Text, summary.Since
	return status
}

// situation is the common ground of Ready, Stalled and Progressing.
type situation struct {
	kind            situationKind
	reason, message string
}

type situationKind int

const (
	// fulfilled: the set is as it is to be, or rests where somebody wants it to.
	fulfilled situationKind = iota
	// underway: it is on its way there.
	underway
	// impaired: there is nothing to do, but Pods have ceased to serve.
	impaired
	// stuck: it cannot go on without a person.
	stuck
)

// situation is the first of these that holds.
func (p *progress) situation() situation {
	switch {
	case p.s.allNodesFailing() != "":
		return situation{stuck, v1beta1.ReasonAllNodesFailing, p.s.allNodesFailing()}
	case p.unable():
		return situation{stuck, v1beta1.ReasonNotUpgradable, p.next() + p.advice()}
	case len(p.plan.Pulls.Missing) > 0:
		return situation{stuck, v1beta1.ReasonImageUnavailable, p.next()}
	case p.overdue:
		return situation{stuck, v1beta1.ReasonProgressDeadlineExceeded,
			fmt.Sprintf("No progress for more than %d s. %s", p.deadlineSeconds, p.next()) + p.advice()}
	case p.working():
		return situation{underway, p.reason(), p.next()}
	case len(p.unavailable) > 0:
		return situation{impaired, v1beta1.ReasonPodsNotReady, p.next()}
	}
	return p.rest()
}

// rest is where the set rests, whether its Pods serve or not.
func (p *progress) rest() situation {
	waiting := len(p.plan.Rollout.Waiting)
	switch {
	case p.plan.Rollout.Hold == HoldPaused && waiting == 0:
		return situation{fulfilled, v1beta1.ReasonPaused, "Updates are paused; no Pod waits for one."}
	case p.plan.Rollout.Hold == HoldPaused:
		return situation{fulfilled, v1beta1.ReasonPaused, fmt.Sprintf(
			"The update is paused; %s not at revision %s. Set spec.updateStrategy.rollingUpdate.paused to false to go on.",
			report.PodsAre(waiting), p.status.UpdateRevision)}
	case waiting > 0:
		return situation{fulfilled, v1beta1.ReasonNotUpdate, fmt.Sprintf(
			"With updateStrategy OnDelete a Pod is updated when somebody deletes it; %s not at revision %s.",
			report.PodsAre(waiting), p.status.UpdateRevision)}
	case p.status.CurrentRevision != p.status.UpdateRevision:
		return situation{fulfilled, v1beta1.ReasonPartitionReached, p.kept()}
	case p.s.replicas() == 0:
		return situation{fulfilled, v1beta1.ReasonComplete, "No Pods are wanted, and there are none."}
	}
	return situation{fulfilled, v1beta1.ReasonComplete, fmt.Sprintf(
		"All wanted Pods, %d of them, are at revision %s.", p.s.replicas(), p.status.UpdateRevision)}
}

// kept says how far the partition lets the rollout come.
func (p *progress) kept() string {
	const advice = "Lower spec.updateStrategy.rollingUpdate.partition to go on."
	if p.status.UpdatedReplicas == 0 {
		return fmt.Sprintf("The partition lets no Pod through to revision %s; %s kept at an earlier one. %s",
			p.status.UpdateRevision, report.PodsAre(p.plan.Rollout.Kept), advice)
	}
	return fmt.Sprintf("All Pods that the partition lets through are at revision %s; %s kept at an earlier one. %s",
		p.status.UpdateRevision, report.PodsAre(p.plan.Rollout.Kept), advice)
}

// reason is what kind of work is in progress.
func (p *progress) reason() string {
	switch {
	case p.rolling():
		return v1beta1.ReasonPodsUpdating
	case len(p.condemned) > 0:
		return v1beta1.ReasonScalingDown
	case len(p.missing)+len(p.created) > 0:
		return v1beta1.ReasonScalingUp
	case len(p.unavailable)+len(p.leaving) > 0:
		return v1beta1.ReasonPodsNotReady
	}
	return v1beta1.ReasonPodsUpdating
}

// rolling reports whether Pods are being brought from one revision to another.
func (p *progress) rolling() bool {
	return p.status.CurrentRevision != p.status.UpdateRevision && !p.held() || len(p.plan.Rollout.Growing) > 0
}

func readyCondition(v situation) *metav1.Condition {
	return report.If(v.kind == fulfilled, v.reason, v.message)
}

// reconcilingCondition is gone when the set is done, rests, or cannot go on by itself: tools take it for "wait". It
// names what the set waits for first.
func reconcilingCondition(p *progress, v situation) *metav1.Condition {
	if v.kind != underway {
		return nil
	}
	return report.True(v.reason, report.Brief(p.first()))
}

// stalledCondition names what blocks first.
func stalledCondition(p *progress, v situation) *metav1.Condition {
	if v.kind != stuck {
		return nil
	}
	message := v.message
	if v.reason != v1beta1.ReasonAllNodesFailing {
		message = p.first()
	}
	return report.True(v.reason, report.Brief(message))
}

// progressingCondition is about the way to what the set is to be: true while it goes on, rests or is over, whatever
// Pods do afterwards; false when it is stuck. It says how far the set is.
func progressingCondition(p *progress, v situation) *metav1.Condition {
	switch {
	case v.kind == impaired:
		v = p.rest()
	case v.kind == underway && p.plan.Rollout.Hold == HoldPaused:
		v.reason = v1beta1.ReasonPaused
	case v.kind == underway && p.rolling() && p.status.UpdatedReplicas == 0:
		v.reason = v1beta1.ReasonNewRevision
	}
	return report.If(v.kind != stuck, v.reason, p.tally())
}

// tally says how many Pods are as they are to be.
func (p *progress) tally() string {
	if p.s.replicas() == 0 {
		return "No Pods are wanted."
	}
	done := min(int(p.status.UpdatedAvailableReplicas), p.s.replicas())
	return fmt.Sprintf("Updated and available: %d of %s.", done, report.Pods(p.s.replicas()))
}

// availableCondition reports whether as many Pods serve as maxUnavailable asks for. At least one has to, if any is
// wanted.
func availableCondition(p *progress) *metav1.Condition {
	needed := p.s.replicas() - p.s.maxUnavailable()
	if p.s.replicas() > 0 {
		needed = max(1, needed)
	}
	message := fmt.Sprintf("Pods available: %d, wanted: %d, needed at least: %d.", p.status.AvailableReplicas, p.s.replicas(), max(0, needed))
	if int(p.status.AvailableReplicas) >= needed {
		return report.True(v1beta1.ReasonMinimumReplicasAvailable, message)
	}
	return report.False(v1beta1.ReasonMinimumReplicasUnavailable, message)
}

// remediatingCondition is what auto remediation says.
func remediatingCondition(p *progress) *metav1.Condition {
	if p.s.Remedy == nil {
		return nil
	}
	return p.s.Remedy.Condition
}
