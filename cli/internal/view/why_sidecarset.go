// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// sidecarSet answers for one set.
func (a *answerer) sidecarSet(set *sidecar.Set) {
	if len(a.subject.Pods) == 0 {
		if a.subject.Template != nil {
			a.add(a.next(set), "")
		}
		return
	}
	decoder := sidecar.NewDecoder(set)
	for _, pod := range a.subject.Pods {
		a.add(a.inPod(set, decoder.View(pod.Pod)), pod.Name)
	}
}

func answer(set *sidecar.Set, reason, format string, args ...any) Answer {
	return Answer{Kind: SidecarSet, Name: set.Name(), Reason: reason, Meant: true, Text: fmt.Sprintf(format, args...)}
}

// inPod answers for one Pod.
func (a *answerer) inPod(set *sidecar.Set, view *sidecar.View) Answer {
	pod := view.Pod
	unselected, isUnselected := a.unselected(set, pod.Labels)
	switch {
	case view.Holds():
		return a.holds(set, view, isUnselected)
	case isUnselected:
		return unselected
	case a.serving == Unserved:
		return a.notServed(set)
	}
	if canary := a.canaryIn(set, pod); canary != "" {
		return answer(set, v1beta1.ReasonCanary, "Its canary SidecarSet %s takes its place. This is intended.", canary)
	}
	return a.missing(set, pod)
}

// holds answers for a Pod that has the sidecars.
func (a *answerer) holds(set *sidecar.Set, view *sidecar.View, unselected bool) Answer {
	out := answer(set, reasonInjected, "Injected, at the current version.")
	out.Applied = true
	if !view.Updated() {
		out.Text = fmt.Sprintf("Injected, at an earlier version; kubectl windlass tree sidecarset/%s says what it waits for.", set.Name())
	}
	if unselected {
		out.Text += " The set does not select it any more; what is in stays until the Pod is created anew."
	}
	return out
}

// canaryIn names the canary of the set that was injected in its place, "" for none.
func (a *answerer) canaryIn(set *sidecar.Set, pod *corev1.Pod) string {
	injected := sidecar.InjectedSets(pod.Annotations)
	for _, other := range a.sets {
		if other.CanaryOf() == set.Name() && slices.Contains(injected, other.Name()) {
			return other.Name()
		}
	}
	return ""
}

// unselected answers where the set is not meant for Pods with these labels in this namespace.
func (a *answerer) unselected(set *sidecar.Set, podLabels map[string]string) (Answer, bool) {
	if !set.MatchesPod(podLabels) {
		out := answer(set, reasonSelector, "spec.selector does not select it: %s.", unmet(set.Object.Spec.Selector, podLabels, "the Pod"))
		out.Meant = false
		return out, true
	}
	if a.around.Namespace == nil && set.Spec.Namespace == "" && set.Spec.NamespaceSelector != nil {
		return answer(set, reasonUnknown, "Its namespaceSelector asks for labels of the namespace, which could not be read."), true
	}
	if set.MatchesNamespace(a.subject.Namespace, a.around.labels()) {
		return Answer{}, false
	}
	out := answer(set, reasonNamespaceSelector, "spec.namespace is %s, and the Pod is in %s.", set.Spec.Namespace, a.subject.Namespace)
	if set.Spec.Namespace == "" {
		out.Text = fmt.Sprintf("spec.namespaceSelector does not select namespace %s: %s.", a.subject.Namespace,
			unmet(set.Object.Spec.NamespaceSelector, a.around.labels(), "the namespace"))
		out.Evidence = writers("namespace "+a.subject.Namespace, a.around.Namespace, keysOf(set.Object.Spec.NamespaceSelector))
		out.Type = a.labelNamespace(set.Object.Spec.NamespaceSelector)
	}
	out.Meant = false
	return out, true
}

// labelNamespace is what makes a namespace one that a selector of plain labels picks.
func (a *answerer) labelNamespace(selector *metav1.LabelSelector) []string {
	if len(selector.MatchExpressions) > 0 || selector.MatchLabels[corev1.LabelMetadataName] != "" {
		return nil
	}
	var pairs []string
	for key, value := range selector.MatchLabels {
		if a.around.labels()[key] != value {
			pairs = append(pairs, key+"="+value)
		}
	}
	slices.Sort(pairs)
	return []string{fmt.Sprintf("kubectl label namespace %s --overwrite %s", a.subject.Namespace, strings.Join(pairs, " "))}
}

func (a *answerer) notServed(set *sidecar.Set) Answer {
	out := answer(set, v1beta1.ReasonNamespaceNotServed, "It selects the Pod, and the Pod webhooks do not serve namespace %s: %s.",
		a.subject.Namespace, a.unserved())
	if a.around.optedOut() {
		out.Type = []string{fmt.Sprintf("kubectl label namespace %s %s-", a.subject.Namespace, v1beta1.InjectionLabel)}
	}
	return out
}

// missing answers for a Pod that should have the sidecars: why not, the operator's own code says.
func (a *answerer) missing(set *sidecar.Set, pod *corev1.Pod) Answer {
	reason, obstacle := sidecar.WhyMissing(pod, set, a.selecting(pod), sidecar.Matching{Watched: a.now})
	if reason == v1beta1.ReasonMissedOrMatchedLater {
		reason = recorded(set, pod, reason)
	}
	out := answer(set, reason, "%s", a.because(reason, obstacle, set, pod))
	if timely[reason] && reason != v1beta1.ReasonContainersMissing {
		out.Evidence = a.evidence(set, pod)
	}
	if obstacle != "" && timely[reason] {
		out.Text += " Created anew, it would be without them again: " + obstacle + "."
	}
	paused := set.Spec.InjectionStrategy.Paused && !sidecar.OptedOut(pod)
	if paused {
		out.Type = []string{
			fmt.Sprintf(`kubectl patch sidecarset %s --type=merge -p '{"spec":{"injectionStrategy":{"paused":false}}}'`, set.Name()),
		}
	}
	if obstacle == "" || paused {
		out.Type = append(out.Type, renew(pod)...)
	}
	return out
}

// timely are the reasons that are about when what was changed.
var timely = map[string]bool{
	v1beta1.ReasonMatchedLater: true, v1beta1.ReasonMissedOrMatchedLater: true, v1beta1.ReasonWebhookMissed: true,
	v1beta1.ReasonCreatedBeforeSet: true, v1beta1.ReasonContainersMissing: true,
}

// selecting are the sets that select a Pod.
func (a *answerer) selecting(pod *corev1.Pod) []*sidecar.Set {
	var out []*sidecar.Set
	for _, set := range a.sets {
		if set.MatchesPod(pod.Labels) && set.MatchesNamespace(pod.Namespace, a.around.labels()) {
			out = append(out, set)
		}
	}
	return out
}

// recorded is what the operator says of the Pod, which has seen when labels were changed; otherwise where it says
// nothing.
func recorded(set *sidecar.Set, pod *corev1.Pod, otherwise string) string {
	if set.Object.Status.ObservedGeneration != set.Object.Generation {
		return otherwise
	}
	for _, u := range set.Object.Status.Uninjected {
		known := u.Reason == v1beta1.ReasonMatchedLater || u.Reason == v1beta1.ReasonWebhookMissed
		if known && u.Namespace == pod.Namespace && u.Name == pod.Name {
			return u.Reason
		}
	}
	return otherwise
}

// because is a reason in sentences.
func (a *answerer) because(reason, obstacle string, set *sidecar.Set, pod *corev1.Pod) string {
	switch reason {
	case v1beta1.ReasonCreatedBeforeSet:
		return fmt.Sprintf("It is as old as the set, of %s, or older: sidecars get into a Pod when it is created.",
			clock(set.Object.CreationTimestamp))
	case v1beta1.ReasonMatchedLater:
		return "The set selects it only since a label, or the selector, was changed: sidecars get into a Pod when it is created."
	case v1beta1.ReasonWebhookMissed:
		return "The set selected it when it was created, and no webhook has left a word in it: " +
			"none answered, or the one that did had not heard of the set yet."
	case v1beta1.ReasonMissedOrMatchedLater:
		return "Either the set did not select it yet when it was created, or no webhook answered. Nobody was watching then, or told."
	case v1beta1.ReasonContainersMissing:
		return fmt.Sprintf("It was injected, and the set has got containers since that the Pod does not have: %s.",
			strings.Join(lacking(set, pod), ", "))
	case v1beta1.ReasonCanary:
		return sentence(obstacle) + " This is intended."
	}
	if obstacle == "" {
		record, _ := sidecar.RecordedObstacle(pod, set.Name())
		return "When it was created: " + record.Message + ". Nothing of that kind is in the way now."
	}
	return sentence(obstacle)
}

// sentence makes a clause one.
func sentence(clause string) string {
	return strings.ToUpper(clause[:1]) + clause[1:] + "."
}

// lacking are the set's containers that a Pod does not have.
func lacking(set *sidecar.Set, pod *corev1.Pod) []string {
	return slices.DeleteFunc(slices.Clone(set.SidecarNames), func(name string) bool { return pods.Find(pod, name) != nil })
}

// evidence are the times that matter.
func (a *answerer) evidence(set *sidecar.Set, pod *corev1.Pod) []string {
	out := []string{}
	if len(a.subject.Pods) == 1 {
		out = append(out, "Pod "+pod.Name+" was created at "+clock(pod.CreationTimestamp))
	}
	if selector := set.Object.Spec.NamespaceSelector; selector != nil && set.Spec.Namespace == "" && a.around.Namespace != nil {
		out = append(out, writers("namespace "+a.subject.Namespace, a.around.Namespace, keysOf(selector))...)
	}
	return out
}

// next answers for the Pod that the subject's template makes next.
func (a *answerer) next(set *sidecar.Set) Answer {
	template := a.subject.Template
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace = a.subject.Namespace
	if out, is := a.unselected(set, pod.Labels); is {
		return out
	}
	if a.serving == Unserved {
		return a.notServed(set)
	}
	if obstacle, found := sidecar.ObstacleTo(pod, set, a.selecting(pod)); found {
		return answer(set, obstacle.Reason, "%s", sentence(obstacle.Message))
	}
	if a.serving == NoWebhook {
		return answer(set, v1beta1.ReasonWebhookMissed, "It selects the Pod, and no webhook is registered that would inject it.")
	}
	out := answer(set, reasonWillInject, "It would be injected.")
	if a.serving == Unknown {
		out.Text = "It would be injected, if the Pod webhooks serve the namespace."
	}
	out.Applied = true
	return out
}

// unmet says which requirements of a selector labels do not meet.
func unmet(selector *metav1.LabelSelector, has map[string]string, whose string) string {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || selector == nil {
		return "it selects nothing"
	}
	requirements, _ := compiled.Requirements()
	var out []string
	for i := range requirements {
		r := &requirements[i]
		if r.Matches(labels.Set(has)) {
			continue
		}
		value, ok := has[r.Key()]
		if ok {
			out = append(out, fmt.Sprintf("it asks for %s, and %s has %s=%s", r, whose, r.Key(), value))
		} else {
			out = append(out, fmt.Sprintf("it asks for %s, and %s has no such label", r, whose))
		}
	}
	if len(out) == 0 {
		return "it selects nothing"
	}
	return strings.Join(out, "; ")
}

// keysOf are the labels that a selector asks for, sorted.
func keysOf(selector *metav1.LabelSelector) []string {
	var out []string
	for key := range selector.MatchLabels {
		out = append(out, key)
	}
	for i := range selector.MatchExpressions {
		out = append(out, selector.MatchExpressions[i].Key)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
