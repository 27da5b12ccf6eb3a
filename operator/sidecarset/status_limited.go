// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// updateLimitedCondition names the Pods that stay without a part of the current version: those that cannot have it before
// they are created anew, and those whose nodes do not give them its resources.
func updateLimitedCondition(plan *Plan) *metav1.Condition {
	limited := plan.HeldResizes.limited()
	return report.UpdateLimited(notUpgradable(plan.NotUpgradable), v1beta1.ReasonUpdateImmutableField,
		limited.infeasible().reported(), limited.deferred().reported())
}

// notUpgradable says what of the current version Pods cannot take, and names them; "" when there are none.
func notUpgradable(all []NotUpgradablePod) string {
	if len(all) == 0 {
		return ""
	}
	var pods, why []string
	for _, l := range all {
		pods, why = append(pods, podName(l.View.Pod)), append(why, l.Why...)
	}
	slices.Sort(pods)
	slices.Sort(why)
	return fmt.Sprintf("This cannot change in a running Pod: %s. So %s their sidecars until they are created anew: %s.",
		strings.Join(slices.Compact(why), ", "), report.PodsThat(len(pods), "keeps", "keep"), report.Names(pods))
}

func (h heldResizes) reported() (out []report.HeldResize) {
	for _, r := range h {
		out = append(out, report.HeldResize{Pod: podName(r.View.Pod), Node: r.View.Pod.Spec.NodeName, Words: r.Answer.Message})
	}
	return out
}

// waitsFor quotes what the kubelet says of the first Pod that it does not resize and that keeps its share, and counts
// the others.
func (h heldResizes) waitsFor() string {
	text := fmt.Sprintf("Pod %s: %s", podName(h[0].View.Pod), strings.TrimRight(h[0].Answer.String(), "."))
	if h[0].Answer.Deferred() {
		text += report.RestartsLater
	}
	if len(h) > 1 {
		text += fmt.Sprintf("; resizes that are not done: %d in all", len(h))
	}
	return text + "."
}
