// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/lifecycle"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/report"
)

// A Pod that serves leaves service before a container of it restarts, if its set asks for that:
//
//	taken by the rules -> hold -> its hook lets go, and gracePeriodSeconds -> update -> settled -> let go
//	-> its hook takes hold of it again
//
// From the hold on the Pod has its shares, so nothing of this asks the rules again. Each step is planned from what stands
// in the Pod, whoever wrote it: see internal/sidecar/running_lifecycle.go.

// HoldPod takes a Pod out of service for its update, brings it back, or notes where it is between its hooks.
type HoldPod struct {
	View *sidecar.View
	// Conditions are to be set; the first of them, if there are any, is KruisePodReady.
	Conditions []corev1.PodCondition
	// Lifecycle is what the annotation of the Pod is to say, "" to remove it; nil leaves it as it is.
	Lifecycle *string
	// Begins is the update that is to follow, nil where the Pod is let go. The API server is asked about it first: what it
	// refuses must take no Pod out of service.
	Begins *UpdatePod
	// Timeout says what the hook did not do in time, "" for nothing.
	Timeout string
	// Reason says why.
	Reason string
}

// String renders the action for logs.
func (h HoldPod) String() string {
	verb := "let go of"
	if h.Begins != nil {
		verb = "hold"
	}
	return fmt.Sprintf("%s Pod %s: %s", verb, podName(h.View.Pod), h.Reason)
}

// outOfService plans what takes a candidate out of service before its update, and reports whether there is anything to
// do or to wait for. A Pod that does not serve has nothing to lose, and a change that stops no container that works
// loses nothing.
func (p *planner) outOfService(c *candidate, update UpdatePod) bool {
	if !c.Ready() || !p.set.Interrupts(c.View, c.resizes()) {
		return false
	}
	holds := p.set.Drains() && podready.Gated(c.Pod)
	if !holds && !c.Hooked() {
		return false
	}
	p.takeOut(c, update, holds)
	return true
}

// takeOut plans the hold of a candidate, and that its hook is asked to let go of it.
func (p *planner) takeOut(c *candidate, update UpdatePod, holds bool) {
	h := HoldPod{View: c.View, Begins: &update, Reason: "it is to leave service before its update"}
	if holds {
		now := report.WholeSecond(p.s.Now) // the grace period counts from here
		held := podready.Condition(c.Pod, podready.With(c.Pod, podready.OfSidecarSet(p.set.Name())), now)
		h.Conditions = append([]corev1.PodCondition{held}, podready.NotReady(c.Pod, now, "the update of SidecarSet "+p.set.Name())...)
		p.soon(p.set.GracePeriod())
	}
	words := p.graceWords()
	if state, _ := c.HookState(); c.Hooked() {
		if state != v1beta1.LifecycleStatePreparingUpdate {
			p.enter(&h, v1beta1.LifecycleStatePreparingUpdate)
		}
		p.soon(p.set.HookTimeout())
		words = p.hookWords()
	}
	p.wait(c, v1beta1.WaitingHook, words)
	p.going[c.View] = true
	p.plan.Holds = append(p.plan.Holds, h)
}

// enter notes that the Pod enters a state between its hooks.
func (p *planner) enter(h *HoldPod, state v1beta1.LifecycleStateType) {
	text, err := p.set.LifecycleText(h.View, state, metav1.NewTime(p.s.Now))
	if err != nil {
		return // a name and a time always encode
	}
	h.Lifecycle = &text
}

// proceed goes on with a candidate that is out of service already, or about to be.
func (p *planner) proceed(c *candidate) error {
	if held, words := p.askBegun(c); held != nil {
		p.wait(c, held.reason, words)
		return nil // it is let go
	}
	p.going[c.View] = true
	state, since := c.HookState()
	preparing, holds := state == v1beta1.LifecycleStatePreparingUpdate, p.set.Drains() && podready.Gated(c.Pod)
	// Where an earlier version is written already, the hook has let go of it.
	hooked := c.Hooked() && state != v1beta1.LifecycleStateUpdating
	switch {
	case hooked && !preparing, holds && !c.Held() && c.Ready():
		return p.holdAgain(c, holds)
	case hooked && lifecycle.Since(since, p.s.Now) >= p.set.HookTimeout():
		p.timeOut(c)
		return nil
	case hooked:
		p.soon(p.set.HookTimeout() - lifecycle.Since(since, p.s.Now))
		p.wait(c, v1beta1.WaitingHook, p.hookWords())
		return nil
	case c.Held() && !c.UnderWay() && p.graceLeft(c.View) > 0:
		p.soon(p.graceLeft(c.View))
		p.wait(c, v1beta1.WaitingHook, p.graceWords())
		return nil
	}
	update, err := p.updateOf(c, "it is out of service for its update")
	if err == nil {
		p.plan.Updates = append(p.plan.Updates, update)
	}
	return err
}

// holdAgain plans what is missing of the hold of a Pod, or of the word to its hook.
func (p *planner) holdAgain(c *candidate, holds bool) error {
	update, err := p.updateOf(c, "it is out of service for its update")
	if err == nil {
		p.takeOut(c, update, holds && !c.Held())
	}
	return err
}

// graceWords say that a Pod drains.
func (p *planner) graceWords() string {
	return fmt.Sprintf("Out of service to drain (gracePeriodSeconds %d)", p.set.Spec.UpdateStrategy.GracePeriodSeconds)
}

// countUngated counts the Pods that cannot leave service before their update.
func (p *planner) countUngated(candidates []*candidate) {
	if !p.set.Drains() {
		return
	}
	for _, c := range candidates {
		if !podready.Gated(c.Pod) {
			p.plan.Ungated++
		}
	}
}

// graceLeft is how much of its grace period a held Pod has left.
func (p *planner) graceLeft(view *sidecar.View) time.Duration {
	return p.set.GracePeriod() - p.s.Now.Sub(view.HeldSince())
}

// letGo brings Pods back into service that nothing keeps out of it any more: their containers are back, or they are not
// to be updated now. Pods that the set does not match any more are among them.
func (p *planner) letGo() {
	for _, views := range [...][]*sidecar.View{p.s.Matched, p.s.Strays} {
		for _, view := range views {
			switch {
			case p.going[view], view.Begun() && p.atWork(view):
			case view.Begun():
				p.release(view)
			case view.Unhooked():
				p.awaitHook(view)
			}
		}
	}
}

// atWork reports whether a part of what an update wrote is still to be carried out, so that the Pod would stop serving
// again if it came back into service.
func (p *planner) atWork(view *sidecar.View) bool {
	_, refused := p.s.refused(view, writeResize)
	return view.UnderWay() || len(view.OwedResizes()) > 0 && !refused
}

// release plans that a Pod is let go. What others hold it for stays.
func (p *planner) release(view *sidecar.View) {
	h := HoldPod{View: view, Reason: "it is not to be updated any more, or not now"}
	if view.Updated() {
		h.Reason = "its sidecars are at the current version"
	}
	if view.Held() {
		ours := podready.OfSidecarSet(p.set.Name())
		holds := podready.Without(view.Pod, func(has podready.Hold) bool { return has == ours })
		h.Conditions = []corev1.PodCondition{podready.Condition(view.Pod, holds, metav1.NewTime(p.s.Now))}
	}
	p.leaveHook(&h)
	p.plan.Holds = append(p.plan.Holds, h)
}

// soon asks for a look after some time though nothing happens.
func (p *planner) soon(in time.Duration) {
	if in > 0 {
		p.plan.HookIn = report.Soonest(p.plan.HookIn, in)
	}
}
