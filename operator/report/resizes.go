// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/shorten"
)

// HeldResize is a Pod whose node does not give it new resources.
type HeldResize struct {
	// Pod and Node are names, Words what the kubelet says.
	Pod, Node, Words string
}

// RestartsLater is why a Pod whose kubelet has put a resize off still counts as not available, as the end of a sentence.
const RestartsLater = "; a container is restarted when the kubelet makes it, so the Pod keeps its share of maxUnavailable"

// UpdateLimited is the condition of that name for Pods that keep the resources that they had, since their nodes can never
// give them the new ones, or cannot now; nil when there are none. What is said before goes first, with its own reason.
func UpdateLimited(before, reason string, infeasible, deferred []HeldResize) *metav1.Condition {
	var parts []string
	if before != "" {
		parts = append(parts, before)
	}
	if len(infeasible) > 0 {
		parts = append(parts, fmt.Sprintf("%s the resources that they had, since their nodes can never give them the new ones: %s. "+
			"To have those, a Pod has to be created anew, where there is room; or set less.",
			PodsThat(len(infeasible), "keeps", "keep"), quoted(infeasible)))
	}
	if len(deferred) > 0 {
		parts = append(parts, fmt.Sprintf("%s the resources that they had for now, until their kubelets have room for the new ones: %s.",
			PodsThat(len(deferred), "keeps", "keep"), quoted(deferred)))
	}
	switch {
	case before != "":
	case len(infeasible) > 0:
		reason = v1beta1.ReasonResizeInfeasible
	case len(deferred) > 0:
		reason = v1beta1.ReasonResizeDeferred
	default:
		return nil
	}
	return True(reason, strings.Join(parts, " "))
}

// maxWords is how many bytes of a kubelet's words are quoted.
const maxWords = 120

// quoted names the first Pods with their nodes and what the kubelets say, and counts the others.
func quoted(all []HeldResize) string {
	var out []string
	for _, r := range all[:min(MaxNamed, len(all))] {
		text := fmt.Sprintf("%s on node %s", r.Pod, r.Node)
		if words := strings.TrimRight(strings.TrimSpace(r.Words), "."); words != "" {
			text += " (" + shorten.To(words, maxWords) + ")"
		}
		out = append(out, text)
	}
	if more := len(all) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}
