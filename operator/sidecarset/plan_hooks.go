// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"time"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/lifecycle"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// askAgain is how long a Pod is left alone whose hook did not let go of it in time.
const askAgain = 10 * time.Minute

// hookTimedOut holds back a Pod that serves and whose hook did not let go of it lately. Whoever removes what the hook
// holds it by lets it go on at once.
func (p *planner) hookTimedOut(c *candidate) (words string, waits bool) {
	state, since := c.HookState()
	left := askAgain - lifecycle.Since(since, p.s.Now)
	if state != v1beta1.LifecycleStateNormal || left <= 0 || !c.Hooked() || !p.set.Interrupts(c.View, c.resizes()) {
		return "", false
	}
	p.soon(left)
	return p.timeoutWords(), true
}

// timeoutWords say that a hook did not let go in time. They are made once.
func (p *planner) timeoutWords() string {
	if p.timedOut == "" {
		p.timedOut = fmt.Sprintf("Hook inPlaceUpdate did not let go within %.0f s; Pods are asked again %.0f min later, "+
			"and go on at once without what it holds them by", p.set.HookTimeout().Seconds(), askAgain.Minutes())
	}
	return p.timedOut
}

// hookWords say that a hook has yet to let go.
func (p *planner) hookWords() string {
	return fmt.Sprintf("Hook inPlaceUpdate is to let go (timeoutSeconds %.0f)", p.set.HookTimeout().Seconds())
}

// timeOut gives up a candidate whose hook does not let go: it serves on, with the version that it has.
func (p *planner) timeOut(c *candidate) {
	p.release(c.View)
	h := &p.plan.Holds[len(p.plan.Holds)-1]
	p.enter(h, v1beta1.LifecycleStateNormal)
	h.Reason = "its hook did not let go in time"
	h.Timeout = fmt.Sprintf("Hook inPlaceUpdate of SidecarSet %s did not let go of Pod %s within %.0f s: it still has %s. The Pod serves on "+
		"with the version that it has, and is asked again in %.0f min. The program that removes it has to be mended; "+
		"without it the Pod goes on at once (managedFields of the Pod name who set it)",
		p.set.Name(), podName(c.Pod), p.set.HookTimeout().Seconds(), lifecycle.ToRemove(p.set.Hook(), c.Pod), askAgain.Minutes())
	p.soon(askAgain)
	p.wait(c, v1beta1.WaitingHookTimeout, p.timeoutWords())
}

// leaveHook notes where a Pod is that is let go: a hook that has let go of it is to take hold of it again.
func (p *planner) leaveHook(h *HoldPod) {
	switch state, _ := h.View.HookState(); {
	case state == "" || state == v1beta1.LifecycleStateNormal || state == v1beta1.LifecycleStateUpdated:
	case p.set.Hook() == nil, state == v1beta1.LifecycleStatePreparingUpdate && lifecycle.AllHooked(p.set.Hook(), h.View.Pod):
		p.enter(h, "")
	default:
		p.enter(h, v1beta1.LifecycleStateUpdated)
		p.soon(p.set.HookTimeout())
	}
}

// awaitHook waits for a hook to take hold of a Pod again, and gives that up after its timeout: the Pod is available then.
func (p *planner) awaitHook(view *sidecar.View) {
	_, since := view.HookState()
	if left := p.set.HookTimeout() - lifecycle.Since(since, p.s.Now); left > 0 {
		p.soon(left)
		return
	}
	h := HoldPod{View: view, Reason: "its hook did not take hold of it again in time", Timeout: fmt.Sprintf(
		"Hook inPlaceUpdate of SidecarSet %s did not take hold of Pod %s again within %.0f s of its update: it still lacks %s. The Pod "+
			"counts as available. The program that sets it has to be mended",
		p.set.Name(), podName(view.Pod), p.set.HookTimeout().Seconds(), lifecycle.ToSet(p.set.Hook(), view.Pod))}
	p.enter(&h, "")
	p.plan.Holds = append(p.plan.Holds, h)
}
