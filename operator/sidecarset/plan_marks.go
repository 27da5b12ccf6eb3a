// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// maxMarks is how many marks one round writes at most, so that a change that 10,000 Pods cannot take does not keep the
// status from being written.
const maxMarks = 200

// MarkPod sets a Pod's condition SidecarSetUpgradable, by which its owner sees that a sidecar stays behind.
type MarkPod struct {
	View      *sidecar.View
	Condition corev1.PodCondition
}

// mark plans the condition for Pods that cannot be updated, and takes it back from those that can be again. Pods that
// never had it are not written to.
func (p *planner) mark() {
	notUpgradable := map[*sidecar.View]bool{}
	for _, l := range p.plan.NotUpgradable {
		notUpgradable[l.View] = true
	}
	for _, view := range p.s.Matched {
		if len(p.plan.Marks) == maxMarks {
			return // the marks themselves are what brings the next look
		}
		if !view.Marked() && !notUpgradable[view] {
			continue
		}
		bySet := upgradable(view.Pod)
		before, known := bySet[p.s.Set.Name()]
		if before == !notUpgradable[view] && known || !known && !notUpgradable[view] {
			continue
		}
		wanted := maps.Clone(bySet)
		if wanted == nil {
			wanted = map[string]bool{}
		}
		wanted[p.s.Set.Name()] = !notUpgradable[view]
		condition := upgradableCondition(wanted)
		condition.LastTransitionTime = metav1.NewTime(p.s.Now)
		p.plan.Marks = append(p.plan.Marks, MarkPod{View: view, Condition: condition})
	}
}

// upgradable reads from a Pod's condition which sets can bring it up to date, by name.
func upgradable(pod *corev1.Pod) map[string]bool {
	c := pods.Condition(pod, v1beta1.SidecarSetUpgradableCondition)
	if c == nil {
		return nil
	}
	var out map[string]bool
	if err := json.Unmarshal([]byte(c.Message), &out); err != nil {
		return nil
	}
	return out
}

func upgradableCondition(bySet map[string]bool) corev1.PodCondition {
	c := corev1.PodCondition{
		Type: v1beta1.SidecarSetUpgradableCondition, Status: corev1.ConditionTrue, Reason: v1beta1.ReasonAllSidecarSetsUpgradable,
	}
	for _, is := range bySet {
		if !is {
			c.Status, c.Reason = corev1.ConditionFalse, v1beta1.ReasonUpdateImmutableField
		}
	}
	message, _ := json.Marshal(bySet) // a map of booleans always encodes
	c.Message = string(message)
	return c
}
