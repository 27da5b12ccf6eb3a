// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// excuse names the updated Pods that do not serve for reasons of their own.
func (p *planner) excuse() {
	for _, view := range p.s.Matched {
		if view.Ready() || !view.Updated() || !view.Touched() || charged(p.s, view) {
			continue
		}
		why, stuck := p.s.whyDown(view)
		p.plan.Excused = append(p.plan.Excused, ExcusedPod{View: view, Why: why, Stuck: stuck})
	}
}

// whyDown says what keeps a Pod from serving that is not down because of the set, and whether its sidecars cannot start
// before that has changed.
func (s *Snapshot) whyDown(view *sidecar.View) (why string, stuck bool) {
	switch ended := view.Ended(); {
	case view.Unscheduled():
		return pods.Trouble(view.Pod), true
	case s.lost(view):
		return fmt.Sprintf("its node %s does not report", view.Pod.Spec.NodeName), true
	case ended != "":
		return fmt.Sprintf("its container %s has ended", ended), true
	}
	starting := pods.IsFalse(pods.Condition(view.Pod, corev1.PodReadyToStartContainers)) ||
		pods.IsFalse(pods.Condition(view.Pod, corev1.PodInitialized))
	return pods.Trouble(view.Pod), starting && !view.SidecarsStarted() || view.AsUnready() && view.CarriedOut()
}
