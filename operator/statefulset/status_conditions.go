// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// setConditions replaces the conditions that this controller keeps. Those that are true only while something is unusual
// are removed when it is over. A transition time moves only when a status does.
func setConditions(conditions *[]metav1.Condition, p *progress) {
	v := p.judgement()
	for _, each := range []struct {
		kind      string
		condition *metav1.Condition
	}{
		{v1beta1.ConditionReady, readyCondition(v)},
		{v1beta1.ConditionReconciling, reconcilingCondition(p, v)},
		{v1beta1.ConditionStalled, stalledCondition(p, v)},
		{v1beta1.ConditionAvailable, availableCondition(p)},
		{v1beta1.ConditionProgressing, progressingCondition(p, v)},
		{v1beta1.ConditionScaling, scalingCondition(p)},
		{v1beta1.ConditionRemediating, remediatingCondition(p)},
		{v1beta1.ConditionFailedCreatePod, failedCreateCondition(p)},
		{v1beta1.ConditionFailedUpdatePod, failedUpdateCondition(p)},
	} {
		if each.condition == nil {
			meta.RemoveStatusCondition(conditions, each.kind)
			continue
		}
		c := *each.condition
		c.Type, c.Message = each.kind, truncate(c.Message)
		c.ObservedGeneration = p.s.Set.Generation
		c.LastTransitionTime = p.s.now()
		meta.SetStatusCondition(conditions, c)
	}
}

// invalidStatus is that of a set that cannot be used as it is. Counters stay as they were: nothing was counted.
func invalidStatus(set *v1beta1.StatefulSet, err error, now metav1.Time) *v1beta1.StatefulSetStatus {
	status := set.Status.DeepCopy()
	status.ObservedGeneration = set.Generation
	meta.RemoveStatusCondition(&status.Conditions, v1beta1.ConditionReconciling)
	for _, kind := range []string{v1beta1.ConditionReady, v1beta1.ConditionProgressing, v1beta1.ConditionStalled} {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: truth(kind == v1beta1.ConditionStalled), Reason: v1beta1.ReasonInvalidSpec,
			Message:            invalidMessage(kind, set, err),
			ObservedGeneration: set.Generation, LastTransitionTime: now,
		})
	}
	summary := report.Summary{Text: status.Summary, Since: status.SummarySince}.Next("Stalled: "+v1beta1.ReasonInvalidSpec, now)
	status.Summary, status.SummarySince = summary.Text, summary.Since
	return status
}

// invalidMessage has the whole of it in Ready alone.
func invalidMessage(kind string, set *v1beta1.StatefulSet, err error) string {
	switch kind {
	case v1beta1.ConditionReady:
		return truncate(fmt.Sprintf("StatefulSet %s/%s cannot be used until it is corrected: %v", set.Namespace, set.Name, err))
	case v1beta1.ConditionStalled:
		return brief(err.Error())
	}
	return "Nothing is done until the spec is corrected."
}

// verdict is the common ground of Ready, Stalled and Progressing.
type verdict struct {
	kind            verdictKind
	reason, message string
}

type verdictKind int

const (
	// fulfilled: the set is as it is to be, or rests where somebody wants it to.
	fulfilled verdictKind = iota
	// underway: it is on its way there.
	underway
	// impaired: there is nothing to do, but Pods have ceased to serve.
	impaired
	// stuck: it cannot go on without a person.
	stuck
)

// judgement is the first of these that holds.
func (p *progress) judgement() verdict {
	switch {
	case p.s.allNodesFailing() != "":
		return verdict{stuck, v1beta1.ReasonAllNodesFailing, p.s.allNodesFailing()}
	case p.unable():
		return verdict{stuck, v1beta1.ReasonNotUpgradable, p.next() + p.advice()}
	case p.overdue:
		return verdict{stuck, v1beta1.ReasonProgressDeadlineExceeded,
			fmt.Sprintf("No progress for more than %d s. %s", p.deadlineSeconds, p.next()) + p.advice()}
	case p.working():
		return verdict{underway, p.reason(), p.next()}
	case len(p.unavailable) > 0:
		return verdict{impaired, v1beta1.ReasonPodsNotReady, p.next()}
	}
	return p.rest()
}

// rest is where the set rests, whether its Pods serve or not.
func (p *progress) rest() verdict {
	waiting := len(p.plan.Rollout.Waiting)
	switch {
	case p.plan.Rollout.Hold == HoldPaused && waiting == 0:
		return verdict{fulfilled, v1beta1.ReasonPaused, "Updates are paused; no Pod waits for one."}
	case p.plan.Rollout.Hold == HoldPaused:
		return verdict{fulfilled, v1beta1.ReasonPaused, fmt.Sprintf(
			"The update is paused; %s not at revision %s. Set spec.updateStrategy.rollingUpdate.paused to false to go on.", are(waiting), p.status.UpdateRevision)}
	case waiting > 0:
		return verdict{fulfilled, v1beta1.ReasonNotUpdate, fmt.Sprintf(
			"With updateStrategy OnDelete a Pod is updated when somebody deletes it; %s not at revision %s.", are(waiting), p.status.UpdateRevision)}
	case p.status.CurrentRevision != p.status.UpdateRevision:
		return verdict{fulfilled, v1beta1.ReasonPartitionReached, p.kept()}
	case p.s.replicas() == 0:
		return verdict{fulfilled, v1beta1.ReasonComplete, "No Pods are wanted, and there are none."}
	}
	return verdict{fulfilled, v1beta1.ReasonComplete, fmt.Sprintf("All wanted Pods, %d of them, are at revision %s.", p.s.replicas(), p.status.UpdateRevision)}
}

// kept says how far the partition lets the rollout come.
func (p *progress) kept() string {
	const advice = "Lower spec.updateStrategy.rollingUpdate.partition to go on."
	if p.status.UpdatedReplicas == 0 {
		return fmt.Sprintf("The partition lets no Pod through to revision %s; %s kept at an earlier one. %s",
			p.status.UpdateRevision, are(p.plan.Rollout.Kept), advice)
	}
	return fmt.Sprintf("All Pods that the partition lets through are at revision %s; %s kept at an earlier one. %s",
		p.status.UpdateRevision, are(p.plan.Rollout.Kept), advice)
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

func readyCondition(v verdict) *metav1.Condition {
	return &metav1.Condition{Status: truth(v.kind == fulfilled), Reason: v.reason, Message: v.message}
}

// reconcilingCondition is gone when the set is done, rests, or cannot go on by itself: tools take it for "wait". It
// names what the set waits for first.
func reconcilingCondition(p *progress, v verdict) *metav1.Condition {
	if v.kind != underway {
		return nil
	}
	return &metav1.Condition{Status: metav1.ConditionTrue, Reason: v.reason, Message: brief(p.first())}
}

// stalledCondition names what blocks first.
func stalledCondition(p *progress, v verdict) *metav1.Condition {
	if v.kind != stuck {
		return nil
	}
	message := v.message
	if v.reason != v1beta1.ReasonAllNodesFailing {
		message = p.first()
	}
	return &metav1.Condition{Status: metav1.ConditionTrue, Reason: v.reason, Message: brief(message)}
}

// progressingCondition is about the way to what the set is to be: true while it goes on, rests or is over, whatever
// Pods do afterwards; false when it is stuck. It says how far the set is.
func progressingCondition(p *progress, v verdict) *metav1.Condition {
	switch {
	case v.kind == impaired:
		v = p.rest()
	case v.kind == underway && p.plan.Rollout.Hold == HoldPaused:
		v.reason = v1beta1.ReasonPaused
	case v.kind == underway && p.rolling() && p.status.UpdatedReplicas == 0:
		v.reason = v1beta1.ReasonNewRevision
	}
	return &metav1.Condition{Status: truth(v.kind != stuck), Reason: v.reason, Message: p.tally()}
}

// tally says how many Pods are as they are to be.
func (p *progress) tally() string {
	if p.s.replicas() == 0 {
		return "No Pods are wanted."
	}
	done := min(int(p.status.UpdatedAvailableReplicas), p.s.replicas())
	return fmt.Sprintf("Updated and available: %d of %s.", done, podCount(p.s.replicas()))
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
		return &metav1.Condition{Status: metav1.ConditionTrue, Reason: v1beta1.ReasonMinimumReplicasAvailable, Message: message}
	}
	return &metav1.Condition{Status: metav1.ConditionFalse, Reason: v1beta1.ReasonMinimumReplicasUnavailable, Message: message}
}
