// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/lifecycle"
)

// The inPlaceUpdate hook may have a timeout. A Pod that it does not let go of in time serves on with the revision that it
// is at, gives its share back and is asked again after askAgain; whoever removes what the hook holds it by lets it go on at
// once. Its label goes on to say PreparingUpdate and since when, so that all of this stands in the Pod: the hook may still
// do its work. A Pod that the hook does not take hold of again in time counts as available.

// askAgain is how long a Pod is left alone whose hook did not let go of it in time.
const askAgain = 10 * time.Minute

// HookTimeout is a Pod of which a hook did not do its work in time.
type HookTimeout struct {
	Pod   *corev1.Pod
	Words string
}

// hookTimeout is that of the inPlaceUpdate hook, 0 when it has none.
func hookTimeout(set *v1beta1.StatefulSet) time.Duration {
	hook := inPlaceUpdate(set)
	if hook == nil || hook.TimeoutSeconds == nil {
		return 0
	}
	return time.Duration(*hook.TimeoutSeconds) * time.Second
}

// inState is how long a Pod has been in its lifecycle state, very long when it does not say.
func inState(pod *corev1.Pod, now time.Time) time.Duration {
	since, _ := time.Parse(time.RFC3339, pod.Annotations[v1beta1.LifecycleTimestampAnnotation])
	return lifecycle.Since(since, now)
}

// overdue is for how long a Pod has been in a state beyond the timeout of the hook that it waits for there; negative
// before that, and false when it waits for none.
func overdue(set *v1beta1.StatefulSet, pod *corev1.Pod, now time.Time) (by time.Duration, waits bool) {
	timeout, hook := hookTimeout(set), inPlaceUpdate(set)
	if timeout == 0 {
		return 0, false
	}
	switch state := v1beta1.LifecycleStateType(pod.Labels[v1beta1.LifecycleStateLabel]); {
	case state == v1beta1.LifecycleStatePreparingUpdate && !lifecycle.Hooked(hook, pod),
		state == v1beta1.LifecycleStateUpdated && lifecycle.AllHooked(hook, pod),
		state != v1beta1.LifecycleStatePreparingUpdate && state != v1beta1.LifecycleStateUpdated:
		return 0, false
	}
	return inState(pod, now) - timeout, true
}

// readTimeout makes a Pod whose hook did not let go of it in time one that is not asked, for a while.
func (v *View) readTimeout(s *Snapshot) {
	by, waits := overdue(s.Set, v.Pod, s.Now)
	if waits && v.State == v1beta1.LifecycleStatePreparingUpdate && by >= 0 && by < askAgain {
		v.State, v.TimedOut = v1beta1.LifecycleStateNormal, true
	}
}

// watchHook sees to it that a timeout is looked at when it comes, and told. A Pod that the hook did not take hold of again
// leaves state Updated.
func (p *planner) watchHook(d *draft) {
	view := d.view
	by, waits := overdue(p.s.Set, view.Pod, p.s.Now)
	switch {
	case !waits:
		return
	case by < 0:
		p.soon(-by)
		return
	case view.TimedOut:
		p.soon(askAgain - by)
		if by < time.Minute { // what is said again within a minute is held back
			p.tellTimeout(view, fmt.Sprintf("Hook inPlaceUpdate did not let go of Pod %s within %.0f s: it still has %s. The Pod serves on at "+
				"the revision that it is at, and is asked again in %.0f min. The program that removes it has to be mended; without it "+
				"the Pod goes on at once (managedFields of the Pod name who set it)", view.Pod.Name, hookTimeout(p.s.Set).Seconds(),
				lifecycle.ToRemove(inPlaceUpdate(p.s.Set), view.Pod), askAgain.Minutes()))
		}
	case view.State == v1beta1.LifecycleStateUpdated && d.state == view.State:
		d.enter(v1beta1.LifecycleStateNormal, "the inPlaceUpdate hook did not take hold of it again in time")
		p.tellTimeout(view, fmt.Sprintf("Hook inPlaceUpdate did not take hold of Pod %s again within %.0f s of its change: it still lacks %s. "+
			"The Pod counts as available. The program that sets it has to be mended", view.Pod.Name, hookTimeout(p.s.Set).Seconds(),
			lifecycle.ToSet(inPlaceUpdate(p.s.Set), view.Pod)))
	case view.State == v1beta1.LifecycleStatePreparingUpdate && d.state == view.State: // it is asked again
		d.patch().Annotation(v1beta1.LifecycleTimestampAnnotation, timestamp(p.s.now()))
		d.because("its hook did not let go in time, and is asked again")
	}
}

func (p *planner) tellTimeout(view *View, words string) {
	p.plan.Rollout.HookTimeouts = append(p.plan.Rollout.HookTimeouts, HookTimeout{view.Pod, words})
}
