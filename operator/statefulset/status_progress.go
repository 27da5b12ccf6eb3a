// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// progress is where a set stands between what it is and what it is to be. All conditions are made from it.
type progress struct {
	s       *Snapshot
	plan    *Plan
	outcome *Outcome
	// status has everything but its conditions.
	status *v1beta1.StatefulSetStatus
	// now is how the Pods are once the outcome is known.
	now map[*View]standing

	// missing are ordinals that have no Pod, created the Pods just made.
	missing []int
	created []string
	// leaving are Pods that are being deleted and will be recreated, condemned those that will not, whether they are
	// being deleted yet or not.
	leaving, condemned []*View
	// unavailable are the other Pods that do not serve. Those that InPlaceOnly keeps from being updated are not among
	// them: they are in plan.Rollout.
	unavailable []*View
	// undone is how many planned actions were not carried out.
	undone int

	// rested tells that the set was at rest when it was last looked at, and that it asks for nothing new. A Pod that
	// ceases to serve then is no rollout.
	rested bool
	// overdue tells that nothing has moved for longer than the deadline, which is deadlineSeconds.
	overdue         bool
	deadlineSeconds int32
}

// newProgress works out how far a rollout is.
func newProgress(s *Snapshot, plan *Plan, outcome *Outcome) *progress {
	p := &progress{
		s: s, plan: plan, outcome: outcome, status: s.Set.Status.DeepCopy(), now: standings(s, plan, outcome),
		condemned: plan.Layout.condemned, rested: rested(s),
		deadlineSeconds: ptr.Deref(s.Set.Spec.ProgressDeadlineSeconds, 600),
		undone:          planned(plan) - carriedOut(outcome),
	}
	made := map[int]bool{}
	for i := range outcome.Created {
		made[outcome.Created[i].Ordinal] = true
		p.created = append(p.created, outcome.Created[i].Pod.Name)
	}
	notUpgradable := map[*View]bool{}
	for i := range plan.Rollout.NotUpgradable {
		notUpgradable[plan.Rollout.NotUpgradable[i].View] = true
	}
	for i := range plan.Layout.members {
		m := &plan.Layout.members[i]
		switch {
		case m.missing() && !made[m.Ordinal]:
			p.missing = append(p.missing, m.Ordinal)
		case m.missing():
		case p.now[m.View].leaving:
			p.leaving = append(p.leaving, m.View)
		case !p.now[m.View].available && !notUpgradable[m.View]:
			p.unavailable = append(p.unavailable, m.View)
		}
	}
	return p
}

func planned(plan *Plan) int {
	return len(plan.Own) + len(plan.Create) + len(plan.Delete) + len(plan.Change) + len(plan.Claims)
}

// carriedOut counts what was done, or needs not be: a Pod that is limited to what its node can give was asked about in vain.
func carriedOut(o *Outcome) int {
	n := len(o.Owned) + len(o.Created) + len(o.Deleted) + len(o.Changed) + len(o.Claimed)
	for i := range o.Unresized {
		if o.Unresized[i].View.Limited.Held() {
			n++
		}
	}
	return n
}

// restReasons are those of Progressing while a set is as it should be.
var restReasons = []string{
	v1beta1.ReasonComplete, v1beta1.ReasonPaused, v1beta1.ReasonPartitionReached, v1beta1.ReasonNotUpdate,
}

func rested(s *Snapshot) bool {
	before := meta.FindStatusCondition(s.Set.Status.Conditions, v1beta1.ConditionProgressing)
	return before != nil && before.ObservedGeneration == s.Set.Generation && slices.Contains(restReasons, before.Reason) && idle(&s.Set.Status)
}

// idle reports whether nothing was under way, nor stuck.
func idle(status *v1beta1.StatefulSetStatus) bool {
	return !meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionReconciling) &&
		!meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled)
}

// rolledOut reports whether every Pod that there should be is at the update revision and available, and no other one is
// left.
func (p *progress) rolledOut() bool {
	if p.s.partition() > 0 || len(p.condemned) > 0 {
		return false
	}
	for i := range p.plan.Layout.members {
		m := &p.plan.Layout.members[i]
		if m.missing() || !p.now[m.View].available || p.now[m.View].revision != p.plan.Revisions.Update {
			return false
		}
	}
	return true
}

// refused reports whether something planned was not carried out, for whatever reason.
func (p *progress) refused() bool {
	o := p.outcome
	return p.undone > 0 || len(o.CreateErrors)+len(p.refusedChanges())+o.Stale > 0 || o.Collided
}

// held reports whether Pods at an earlier revision stay so until somebody acts.
func (p *progress) held() bool {
	return p.plan.Rollout.Hold == HoldPaused || p.plan.Rollout.Hold == HoldOnDelete
}

// moving reports whether Pods are on their way: being adopted, made, deleted or changed, or about to serve.
func (p *progress) moving() bool {
	r := &p.plan.Rollout
	return p.refused() || len(p.plan.Own) > 0 || len(p.missing)+len(p.created)+len(p.leaving)+len(p.condemned) > 0 ||
		len(r.Growing)+len(r.Hooked) > 0 || len(p.unavailable) > 0 && !p.rested
}

// unable tells that what is left to do cannot be done before somebody acts.
func (p *progress) unable() bool {
	return len(p.plan.Rollout.NotUpgradable)+len(p.plan.Rollout.Unexpandable) > 0 && !p.moving()
}

// working reports whether there is more to do, now or soon.
func (p *progress) working() bool {
	return p.moving() || !p.unable() && !p.held() && len(p.plan.Rollout.Waiting) > 0
}

// lastProgress is when the set last came closer to what it is to be. It is kept while nothing is to be done.
func (p *progress) lastProgress() *metav1.Time {
	if p.working() && p.moved() {
		return ptr.To(report.WholeSecond(p.s.Now))
	}
	return p.s.Set.Status.LastProgressTime
}

// moved reports whether there is something new to reach, or whether more Pods are at the update revision or serve, or
// fewer are there that should not be.
func (p *progress) moved() bool {
	before, now := &p.s.Set.Status, p.status
	return before.LastProgressTime == nil || idle(before) ||
		before.ObservedGeneration != now.ObservedGeneration || before.UpdateRevision != now.UpdateRevision ||
		now.UpdatedReplicas > before.UpdatedReplicas ||
		now.AvailableReplicas > before.AvailableReplicas || now.UpdatedAvailableReplicas > before.UpdatedAvailableReplicas ||
		now.ReadyReplicas > before.ReadyReplicas || now.UpdatedReadyReplicas > before.UpdatedReadyReplicas ||
		now.CurrentRevision != now.UpdateRevision && now.CurrentReplicas < before.CurrentReplicas ||
		p.surplus(now) < p.surplus(before) || grown(now) > grown(before)
}

// surplus is how many Pods there are more than there should be.
func (p *progress) surplus(status *v1beta1.StatefulSetStatus) int {
	return max(0, int(status.Replicas)-p.s.replicas())
}

// grown counts how far claims are.
func grown(status *v1beta1.StatefulSetStatus) (n int32) {
	for i := range status.VolumeClaims {
		n += status.VolumeClaims[i].CompatibleReplicas + status.VolumeClaims[i].CompatibleReadyReplicas
	}
	return n
}

// watch compares the time since the last progress with the deadline. It returns what is left, 0 when nothing runs
// against it.
func (p *progress) watch(last *metav1.Time) (left time.Duration) {
	if p.working() && last != nil {
		left, p.overdue = report.Deadline(p.deadlineSeconds, *last, p.s.Now)
	}
	return left
}
