// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/windlass-operator/windlass/internal/pods"
)

// ResizeAnswer is what a kubelet says of a resize that it does not make, or the API server for it. The zero value: it says
// nothing, since none is under way or since it is about it.
type ResizeAnswer struct {
	// Reason is PodReasonInfeasible (the node never can), PodReasonDeferred (it cannot now, and the kubelet tries again by
	// itself) or PodReasonError (it has tried and failed, and tries again).
	Reason string
	// Message is the kubelet's, or the API server's.
	Message string
	kind    corev1.PodConditionType
}

// HeldResize is what the kubelet says of a resize of a Pod that it does not make. Of a spec that it has not seen it says
// nothing yet.
func HeldResize(pod *corev1.Pod) ResizeAnswer {
	c := resizing(pod)
	if c == nil || c.Type == corev1.PodResizeInProgress && c.Reason != corev1.PodReasonError || !pods.SpecSeen(pod) {
		return ResizeAnswer{}
	}
	return ResizeAnswer{Reason: c.Reason, Message: c.Message, kind: c.Type}
}

// Infeasible is the answer of an API server that writes no resize which the Pod's node can never give: no kubelet is asked
// then.
func Infeasible(words string) ResizeAnswer {
	return ResizeAnswer{Reason: corev1.PodReasonInfeasible, Message: words, kind: corev1.PodResizePending}
}

// Answered is what is said of a resize of a StatefulSet's Pod that is not made: by its kubelet, else by the API server when
// it was to be written.
func Answered(pod *corev1.Pod) ResizeAnswer {
	if answer := HeldResize(pod); answer.Held() || len(Owed(pod)) == 0 {
		return answer
	}
	state, _ := ParseState(pod.Annotations) // it could be read a moment ago
	return Infeasible(state.ResizeRefused)
}

// Owed are the resources, by container, that the API server refused to write into a StatefulSet's Pod since its node can
// never give them; nil for none.
func Owed(pod *corev1.Pod) map[string]corev1.ResourceRequirements {
	text, _ := either(pod.Annotations, stateKeys...)
	if !mentions(text, owedField) {
		return nil
	}
	state, err := ParseState(pod.Annotations)
	if err != nil {
		return nil
	}
	return state.owed(pod)
}

// Held reports whether the kubelet says that it does not make a resize.
func (a ResizeAnswer) Held() bool { return a.kind != "" }

// Infeasible reports whether the node can never give the Pod what it asks for.
func (a ResizeAnswer) Infeasible() bool {
	return a.kind == corev1.PodResizePending && a.Reason == corev1.PodReasonInfeasible
}

// Deferred reports whether the node cannot give it now.
func (a ResizeAnswer) Deferred() bool {
	return a.kind == corev1.PodResizePending && a.Reason == corev1.PodReasonDeferred
}

// String is the answer in the kubelet's words, as a clause.
func (a ResizeAnswer) String() string {
	if !a.Held() {
		return ""
	}
	return notDone(&corev1.PodCondition{Type: a.kind, Reason: a.Reason, Message: a.Message})
}

// RestartsAt reports whether the kubelet, once it makes a resize that it has put off, restarts a container of this
// resizePolicy. Where it does not say what the container has, any policy that may restart it does.
func RestartsAt(pod *corev1.Pod, name string, policies []corev1.ContainerResizePolicy) bool {
	at, status := pods.Find(pod, name), pods.Status(pod, name)
	if at == nil {
		return false
	}
	if status == nil || status.Resources == nil {
		return slices.ContainsFunc(policies, func(p corev1.ContainerResizePolicy) bool { return p.RestartPolicy == corev1.RestartContainer })
	}
	changed := ChangedAmounts(*status.Resources, at.Resources)
	return changed != nil && ResizeRestarts(policies, *changed)
}

// resizeVersion is the first kubelet that resizes containers, native sidecars included, by default (feature
// InPlacePodVerticalScaling, on since 1.33).
var resizeVersion = version.MustParseGeneric("1.33.0")

// ResizeVersionObstacle says why the kubelet of a node, by the version that it reports, resizes no containers; "" when it
// does, or when its version is not known.
func ResizeVersionObstacle(node, kubelet string) string {
	if KubeletUnknown(kubelet) || atLeast(kubelet, resizeVersion) {
		return ""
	}
	return fmt.Sprintf("resources (kubelet %s of node %s resizes no containers, %s does)", kubelet, node, resizeVersion)
}

// KubeletUnknown reports whether a kubelet's version cannot be told from what its node says.
func KubeletUnknown(kubelet string) bool {
	_, err := version.ParseGeneric(kubelet)
	return err != nil
}

func atLeast(kubelet string, least *version.Version) bool {
	parsed, err := version.ParseGeneric(kubelet)
	return err == nil && parsed.AtLeast(least)
}
