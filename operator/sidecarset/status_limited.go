// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/shorten"
	"github.com/windlass-operator/windlass/operator/report"
)

// updateLimitedCondition names the Pods that stay without a part of the current version: those that cannot have it before
// they are created anew, and those whose nodes do not give them its resources.
func updateLimitedCondition(plan *Plan) *metav1.Condition {
	limited := plan.HeldResizes.limited()
	infeasible, deferred := limited.infeasible(), limited.deferred()
	var parts []string
	if len(plan.NotUpgradable) > 0 {
		parts = append(parts, notUpgradable(plan.NotUpgradable))
	}
	if len(infeasible) > 0 {
		parts = append(parts, fmt.Sprintf("%s the resources that they had, since their nodes can never give them the new ones: %s. "+
			"To have those, a Pod has to be created anew, where there is room; or set less.",
			report.PodsThat(len(infeasible), "keeps", "keep"), infeasible.quoted()))
	}
	if len(deferred) > 0 {
		parts = append(parts, fmt.Sprintf("%s the resources that they had for now, until their kubelets have room for the new ones: %s.",
			report.PodsThat(len(deferred), "keeps", "keep"), deferred.quoted()))
	}
	switch {
	case len(plan.NotUpgradable) > 0:
		return report.True(v1beta1.ReasonUpdateImmutableField, strings.Join(parts, " "))
	case len(infeasible) > 0:
		return report.True(v1beta1.ReasonResizeInfeasible, strings.Join(parts, " "))
	case len(deferred) > 0:
		return report.True(v1beta1.ReasonResizeDeferred, strings.Join(parts, " "))
	}
	return nil
}

func notUpgradable(all []NotUpgradablePod) string {
	var pods, why []string
	for _, l := range all {
		pods, why = append(pods, podName(l.View.Pod)), append(why, l.Why...)
	}
	slices.Sort(pods)
	slices.Sort(why)
	return fmt.Sprintf("This cannot change in a running Pod: %s. So %s their sidecars until they are created anew: %s.",
		strings.Join(slices.Compact(why), ", "), report.PodsThat(len(pods), "keeps", "keep"), report.Names(pods))
}

const (
	// maxQuoted is how many Pods are named with what their kubelets say.
	maxQuoted = 5
	// maxWords is how many bytes of a kubelet's words are quoted.
	maxWords = 120
)

// quoted names the first Pods with their nodes and what the kubelets say, and counts the others.
func (h heldResizes) quoted() string {
	var out []string
	for _, r := range h[:min(maxQuoted, len(h))] {
		text := fmt.Sprintf("%s on node %s", podName(r.View.Pod), r.View.Pod.Spec.NodeName)
		if words := strings.TrimRight(strings.TrimSpace(r.Answer.Message), "."); words != "" {
			text += " (" + shorten.To(words, maxWords) + ")"
		}
		out = append(out, text)
	}
	if more := len(h) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

// waitsFor quotes what the kubelet says of the first Pod that it does not resize and that keeps its share, and counts
// the others.
func (h heldResizes) waitsFor() string {
	text := fmt.Sprintf("Pod %s: %s", podName(h[0].View.Pod), strings.TrimRight(h[0].Answer.String(), "."))
	if h[0].Answer.Deferred() {
		text += "; a container is restarted when the kubelet makes it, so the Pod keeps its share of maxUnavailable"
	}
	if len(h) > 1 {
		text += fmt.Sprintf("; resizes that are not done: %d in all", len(h))
	}
	return text + "."
}
