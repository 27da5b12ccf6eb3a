// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/lifecycle"
	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/operator/report"
)

// draft is what is going to be written to one Pod.
type draft struct {
	view  *View
	state v1beta1.LifecycleStateType
	// serves is what InPlaceUpdateReady should be; nil leaves it as it is.
	serves *bool
	change ChangePod
}

// settle carries the wish of a Pod as far as its hooks let it, and sees to it that a Pod without one is as it should
// be.
func (p *planner) settle(view *View) {
	switch {
	case view.Orphan:
		return
	case view.terminating():
		p.plan.Claims = append(p.plan.Claims, p.claimOwners(view, p.condemned[view])...)
		p.soon(pods.GoingLooksAgain(view.Pod, p.s.Now))
		return
	}
	d := &draft{view: view, state: view.State, change: ChangePod{View: view}}
	w := p.wishes[view]
	if w.kind == wishUpdate {
		w = p.update(d, w)
	}
	switch {
	case w.kind == wishDelete && lifecycle.Hooked(preDelete(p.s.Set), view.Pod):
		d.enter(v1beta1.LifecycleStatePreparingDelete, "its deletion waits for the preDelete hook: "+w.reason)
		p.plan.Rollout.Hooked = append(p.plan.Rollout.Hooked, view.Pod.Name)
	case w.kind == wishDelete:
		p.letGo(view, w)
		return
	case w.kind == wishNone:
		p.rest(d)
	}
	d.change.NotServing = w.kind != wishNone && p.notServing(view)
	if w.kind != wishNone {
		d.change.Takes = p.takesOf(view)
	}
	p.watchHook(d)
	p.keep(d)
}

// letGo lets a Pod go. One that serves is evicted where its PodDisruptionBudgets are respected: while the cache does not
// show that yet, and while somebody else is about to restart the Pod, there is nothing to do. The API server asks the
// budgets too, but it has not seen what was restarted in place just now.
func (p *planner) letGo(view *View, w wish) {
	evict := p.evicts(view, w.cause)
	if evict && p.s.Takes.Taken(view.Pod) {
		return
	}
	if evict && p.takes[view] == nil {
		if words := p.obstacle(view); words != "" {
			p.tellRefused(view, words, w.cause.verb())
			return
		}
		p.takeDisruption(view)
	}
	p.plan.Delete = append(p.plan.Delete, DeletePod{
		View: view, Claims: p.claimOwners(view, p.condemned[view]), NotServing: p.notServing(view), Evict: evict, Takes: p.takesOf(view),
		Toward: p.toward(w.cause), Successor: p.successor(view, w.cause), Cause: w.cause, Reason: w.reason,
	})
}

// successor is the Pod that the API server is to be asked about before one that serves is deleted for its update. It is
// asked until it has taken one Pod of the revision.
func (p *planner) successor(view *View, cause Cause) *corev1.Pod {
	update := p.plan.Revisions.Update
	if cause != CauseUpdate || !view.Available || p.s.Accepted == update {
		return nil
	}
	return newPod(p.s.Set, p.templateOf(update), view.Ordinal, update, p.s.now())
}

// notServing reports whether a Pod does not serve, so that it may go whatever maxUnavailable is.
func (p *planner) notServing(view *View) bool {
	return !view.Available && !view.ended() && !p.condemned[view]
}

// keep writes what has changed about a Pod that stays, its claims included.
func (p *planner) keep(d *draft) {
	view := d.view
	if !view.Named {
		d.name()
	}
	if d.state != view.State {
		d.patch().Label(v1beta1.LifecycleStateLabel, string(d.state))
		d.patch().Annotation(v1beta1.LifecycleTimestampAnnotation, timestamp(p.s.now()))
	}
	d.change.Conditions = p.conditions(d)
	d.change.State = d.state
	if len(d.change.Conditions) > 0 && d.change.Reason == "" {
		d.because("its readiness gates are to say whether it may serve")
	}
	if len(d.change.Conditions) > 0 || !d.change.Patch.Empty() || !d.change.Resize.Empty() {
		d.patch()
		d.change.Resize = cmp.Or(d.change.Resize, podpatch.New(view.Pod))
		p.plan.Change = append(p.plan.Change, d.change)
	}
	p.plan.Claims = append(p.plan.Claims, p.claimOwners(view, false)...)
	p.plan.CreateClaims = append(p.plan.CreateClaims, p.lostClaims(view)...)
	p.soon(view.AvailableIn)
}

// patch is that of the Pod. Most Pods need none.
func (d *draft) patch() *podpatch.Patch {
	if d.change.Patch == nil {
		d.change.Patch = podpatch.New(d.view.Pod)
	}
	return d.change.Patch
}

// name has the Pod's labels say which Pod of its set it is.
func (d *draft) name() {
	for _, l := range identityLabels(d.view.Pod.Name) {
		if d.view.Pod.Labels[l.key] != l.value {
			d.patch().Label(l.key, l.value)
			d.because("its label " + l.key + " was not its own")
		}
	}
}

// enter moves a Pod to another lifecycle state.
func (d *draft) enter(state v1beta1.LifecycleStateType, why string) {
	if d.state != state {
		d.state = state
		d.because(why)
	}
}

func (d *draft) because(why string) {
	if d.change.Reason != "" {
		d.change.Reason += "; "
	}
	d.change.Reason += why
}

// update carries the wish to bring a Pod to the update revision. It returns the wish to delete the Pod where that is
// the way, and none when all is done that can be done now and the Pod is to be left as it is.
func (p *planner) update(d *draft, w wish) wish {
	view := d.view
	// A Pod that cannot run loses nothing by not waiting for its claims, which may grow only once no Pod uses them, or
	// never.
	if p.grow(view) && view.Broken == "" {
		return wish{}
	}
	if view.Revision == p.plan.Revisions.Update {
		return p.updateAgain(d, w)
	}
	if p.recreatedAlways(view) {
		return wish{wishDelete, CauseUpdate, w.reason}
	}
	obstacles := p.obstacles(view)
	if len(obstacles) == 0 {
		p.inPlace(d, p.changeOf(view), w)
		return wish{kind: wishUpdate}
	}
	p.plan.Rollout.Recreated = mergeSorted(p.plan.Rollout.Recreated, obstacles)
	return wish{wishDelete, CauseUpdate, fmt.Sprintf("%s; this cannot change in a running Pod: %s", w.reason, strings.Join(obstacles, ", "))}
}

// updateAgain asks once more for what the node of a Pod could not give it.
func (p *planner) updateAgain(d *draft, w wish) wish {
	if len(inplace.Owed(d.view.Pod)) == 0 {
		return wish{}
	}
	w.reason = "its node could not give it its new resources, and may have got more"
	p.inPlace(d, p.owedChange(d.view), w)
	return wish{kind: wishUpdate}
}

// changeOf is what brings a Pod to the update revision in place.
func (p *planner) changeOf(view *View) inplace.Change {
	if view.Revision == p.plan.Revisions.Update {
		return p.owedChange(view)
	}
	change := p.change(view.Revision).change
	change.ResizeRefused = p.resizeRefused(view)
	return change
}

// recreatedAlways reports whether a Pod is recreated whatever changes.
func (p *planner) recreatedAlways(view *View) bool {
	policy := p.s.strategy().PodUpdatePolicy
	return policy == "" || policy == v1beta1.ReCreatePodUpdatePolicy || view.ended()
}

// recreates reports whether an update recreates a Pod.
func (p *planner) recreates(view *View) bool {
	return p.recreatedAlways(view) || len(p.obstacles(view)) > 0
}

// obstacles are what stands against changing a Pod in place, empty when nothing does.
func (p *planner) obstacles(view *View) []string {
	way := p.change(view.Revision)
	if len(way.obstacles) > 0 {
		return way.obstacles
	}
	change, node := p.changeOf(view), view.Pod.Spec.NodeName
	obstacles := change.Obstacles(view.Pod)
	if old := change.KubeletNeeds(view.Pod).Obstacle(node, p.s.Kubelets[node]); old != "" {
		obstacles = append(obstacles, old)
	}
	if words := p.resizeRefused(view); words != "" && p.s.strategy().PodUpdatePolicy == v1beta1.InPlaceIfPossiblePodUpdatePolicy {
		obstacles = append(obstacles, fmt.Sprintf("resources (node %s cannot give them: %s)", view.Pod.Spec.NodeName, words))
	}
	return obstacles
}

// notUpgradable reports whether podUpdatePolicy InPlaceOnly keeps a Pod at its revision. Where nothing runs yet, nothing
// restarts: such a Pod is recreated.
func (p *planner) notUpgradable(view *View) bool {
	return p.s.strategy().PodUpdatePolicy == v1beta1.InPlaceOnlyPodUpdatePolicy && view.Revision != p.plan.Revisions.Update &&
		!view.ended() && view.Pod.Spec.NodeName != "" && len(p.obstacles(view)) > 0
}

// grow lets the claims of a Pod grow to what their templates ask for, and reports whether that is still to be waited
// for.
func (p *planner) grow(view *View) bool {
	steps := p.claimsToGrow(view.Ordinal)
	if len(steps) == 0 && !p.claimsGrowing(view.Ordinal) {
		return false
	}
	p.plan.Claims = append(p.plan.Claims, steps...)
	p.plan.Rollout.Growing = append(p.plan.Rollout.Growing, view.Pod.Name)
	return true
}

func mergeSorted(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// inPlace takes the next step of a change in place: the hook, then out of service for the grace period, then the change
// itself.
func (p *planner) inPlace(d *draft, change inplace.Change, w wish) {
	view, hook := d.view, inPlaceUpdate(p.s.Set)
	edits, err := inplace.Begin(view.Pod, change, p.plan.Revisions.Update, p.s.now())
	if err != nil {
		p.err = fmt.Errorf("change of Pod %s in place: %w", view.Pod.Name, err)
		return
	}
	d.change.Toward = p.plan.Revisions.Update
	if lifecycle.Hooked(hook, view.Pod) {
		if view.State != v1beta1.LifecycleStatePreparingUpdate {
			d.change.Trial = &edits
		}
		d.enter(v1beta1.LifecycleStatePreparingUpdate, "its change in place waits for the inPlaceUpdate hook: "+w.reason)
		p.plan.Rollout.Hooked = append(p.plan.Rollout.Hooked, view.Pod.Name)
		return
	}
	drained := p.drained(d, change, w)
	if d.serves != nil || drained && !edits.Resize.Empty() && !edits.Pod.Empty() {
		d.change.Trial = &edits
	}
	if !drained {
		return
	}
	d.change.Patch, d.change.Resize, d.change.Updates = edits.Pod, edits.Resize, true
	d.change.Restarts = change.RestartsContainers(view.Pod)
	d.because(w.reason)
	switch {
	case hook != nil:
		d.state = v1beta1.LifecycleStateUpdating
	case d.state != v1beta1.LifecycleStatePreparingNormal: // a new Pod goes on waiting for its own hook
		d.state = v1beta1.LifecycleStateNormal
	}
}

// drained takes a Pod that serves out of service before its containers restart, and reports whether its grace period is
// over.
func (p *planner) drained(d *draft, change inplace.Change, w wish) bool {
	pod := d.view.Pod
	if !d.view.Gated || !change.RestartsContainers(pod) {
		return true
	}
	grace := time.Duration(0)
	if in := p.s.strategy().InPlaceUpdateStrategy; in != nil {
		grace = time.Duration(in.GracePeriodSeconds) * time.Second
	}
	if !d.view.Draining {
		if !d.view.Ready {
			return true
		}
		out := false
		d.serves = &out
		if grace > 0 {
			d.because(fmt.Sprintf("it is out of service for %.0f s before its change in place: %s", grace.Seconds(), w.reason))
			p.soon(grace)
			return false
		}
		return true
	}
	left := grace - p.s.Now.Sub(pods.Condition(pod, v1beta1.InPlaceUpdateReadyCondition).LastTransitionTime.Time)
	p.soon(left)
	return left <= 0
}

// rest leads a Pod that is to stay as it is back to service: out of states that it was to leave this world or its
// revision by, and on from a change in place once that is carried out.
func (p *planner) rest(d *draft) {
	view, set := d.view, p.s.Set
	if p.resume(d) {
		return
	}
	switch view.State {
	case v1beta1.LifecycleStatePreparingDelete:
		d.enter(firstState(set, view.Pod), "it is not to be deleted any more")
	case v1beta1.LifecycleStatePreparingUpdate:
		d.enter(p.afterUpdate(view), "it is not to be changed any more")
	case v1beta1.LifecycleStatePreparingNormal:
		if lifecycle.AllHooked(preNormal(set), view.Pod) {
			d.enter(v1beta1.LifecycleStateNormal, "the preNormal hook is through")
		}
	case v1beta1.LifecycleStateUpdating:
		if view.Unfinished == "" {
			d.enter(p.afterUpdate(view), "its change in place is carried out")
		}
	case v1beta1.LifecycleStateUpdated:
		if lifecycle.AllHooked(inPlaceUpdate(set), view.Pod) {
			d.enter(v1beta1.LifecycleStateNormal, "the inPlaceUpdate hook is through")
		}
	}
	if view.Unfinished == "" {
		in := true
		d.serves = &in
	}
}

// afterUpdate is the state that follows a change in place: Updated until the hook has taken hold of the Pod again.
func (p *planner) afterUpdate(view *View) v1beta1.LifecycleStateType {
	if lifecycle.AllHooked(inPlaceUpdate(p.s.Set), view.Pod) {
		return v1beta1.LifecycleStateNormal
	}
	return v1beta1.LifecycleStateUpdated
}

// resume goes on with a change that OpenKruise began and left in the Pod's annotations: one that waits for its grace
// period, or for other containers.
func (p *planner) resume(d *draft) bool {
	if !d.view.LeftOver {
		return false
	}
	pending, wait, ok := inplace.Pending(d.view.Pod, p.s.now())
	if !ok {
		return false
	}
	p.soon(wait)
	if !pending.Empty() {
		d.change.Patch, d.change.Resize = pending.Pod, pending.Resize
		d.because("the change in place that it waits for is due")
	}
	return true
}

// conditions are those of the Pod's readiness gates that have to change.
func (p *planner) conditions(d *draft) []corev1.PodCondition {
	pod, now := d.view.Pod, p.s.now()
	var out []corev1.PodCondition
	if d.view.Gated && d.serves != nil && !(*d.serves && d.view.Open) {
		wanted := corev1.PodCondition{Type: v1beta1.InPlaceUpdateReadyCondition, Status: corev1.ConditionTrue, LastTransitionTime: now}
		if !*d.serves {
			wanted.Status, wanted.Reason = corev1.ConditionFalse, v1beta1.ReasonStartInPlaceUpdate
			wanted.LastTransitionTime = report.WholeSecond(p.s.Now) // the grace period counts from here
		}
		if has := pods.Condition(pod, wanted.Type); has == nil || has.Status != wanted.Status {
			out = append(out, wanted)
			if *d.serves && has != nil {
				d.because("it is back in service")
			}
		}
	}
	if d.view.ReadyGated {
		if wanted := readiness(p.s.Set, pod, d.state, now); podready.Differs(pod, wanted) {
			out = append(out, wanted)
		}
	}
	if slices.ContainsFunc(out, func(c corev1.PodCondition) bool { return c.Status == corev1.ConditionFalse }) {
		out = append(out, podready.NotReady(pod, now, "the StatefulSet's update")...)
	}
	return out
}
