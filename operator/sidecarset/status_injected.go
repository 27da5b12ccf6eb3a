// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// maxListedPods is how many uninjected Pods the status lists.
const maxListedPods = 20

func listUninjected(s *Snapshot) []v1beta1.UninjectedPod {
	var out []v1beta1.UninjectedPod
	for _, u := range s.Uninjected {
		out = append(out, v1beta1.UninjectedPod{Namespace: u.Pod.Namespace, Name: u.Pod.Name, Reason: reportedReason(s, u)})
	}
	slices.SortFunc(out, func(a, b v1beta1.UninjectedPod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), maxListedPods)]
}

// reportedReason is what users are told: where repair is asked for, why it cannot help this Pod comes before why the
// Pod needs it.
func reportedReason(s *Snapshot, u Uninjected) string {
	if s.Set.Spec.RepairPolicy == v1beta1.RepairRecreate && u.Obstacle == "" && u.Reason != v1beta1.ReasonOptedOut && !createdAnew(u.Pod) {
		return v1beta1.ReasonNotEvictable
	}
	return u.Reason
}

// unserved says that no Pod of the set will ever have its sidecars; "" when some may.
func unserved(s *Snapshot) string {
	if s.Unserved == "" {
		return ""
	}
	return fmt.Sprintf("No Pod gets the sidecars: the set reaches only namespace %s, which the Pod webhooks do not serve (%s).",
		s.Set.OnlyNamespace(), s.Unserved)
}

// unservedBriefly is for the conditions beside Ready.
func unservedBriefly(s *Snapshot) string {
	return fmt.Sprintf("The Pod webhooks do not serve namespace %s.", s.Set.OnlyNamespace())
}

// noPods says what matches nothing; "" when a live Pod is to have the sidecars.
func noPods(s *Snapshot) string {
	spec, n := s.Set.Spec, s.Namespaces
	switch {
	case len(s.Matched)+len(s.Uninjected) > 0:
		return ""
	case spec.Namespace != "" && n.Selected == 0:
		return fmt.Sprintf("No live Pod matches: there is no namespace %s.", spec.Namespace)
	case spec.Namespace != "":
		return fmt.Sprintf("No live Pod matches: the selector matches 0 Pods in namespace %s.%s", spec.Namespace, exempt(s))
	case spec.NamespaceSelector != nil && n.Selected == 0:
		return fmt.Sprintf("No live Pod matches: namespaceSelector selects 0 of %s.", report.Count(n.All, "namespace"))
	case spec.NamespaceSelector != nil:
		return fmt.Sprintf("No live Pod matches: the selector matches 0 Pods in the %s that namespaceSelector selects.%s",
			report.Count(n.Selected, "namespace"), exempt(s))
	}
	return fmt.Sprintf("No live Pod matches: the selector matches 0 Pods in the cluster's %s.%s", report.Count(n.All, "namespace"), exempt(s))
}

// exempt names the Pods that are not counted, with a space before.
func exempt(s *Snapshot) string {
	if len(s.Exempt) == 0 {
		return ""
	}
	return fmt.Sprintf(" Not counted, since the Pod webhooks do not serve their namespaces: %s: %s.",
		report.Pods(len(s.Exempt)), report.Names(podNames(s.Exempt)))
}

func podNames(pods []*corev1.Pod) []string {
	out := make([]string, 0, len(pods))
	for _, pod := range pods {
		out = append(out, podName(pod))
	}
	slices.Sort(out)
	return out
}

// without are the Pods without the sidecars, sorted by what can be done.
type without struct {
	// helped get them when they are recreated, blocked do not. optedOut want none.
	helped, blocked, optedOut []string
	// obstacle is that of the first one that is blocked.
	obstacle string
}

func sortWithout(s *Snapshot) *without {
	w := &without{}
	pods := slices.Clone(s.Uninjected)
	slices.SortFunc(pods, func(a, b Uninjected) int { return cmp.Compare(podName(a.Pod), podName(b.Pod)) })
	for _, u := range pods {
		text := podName(u.Pod) + " (" + reportedReason(s, u) + ")"
		switch {
		case u.Reason == v1beta1.ReasonOptedOut:
			w.optedOut = append(w.optedOut, podName(u.Pod))
		case u.Obstacle == "":
			w.helped = append(w.helped, text)
		default:
			w.blocked = append(w.blocked, text)
			w.obstacle = cmp.Or(w.obstacle, fmt.Sprintf("Pod %s: the set is not injected: %s", podName(u.Pod), u.Obstacle))
		}
	}
	return w
}

func injectedCondition(s *Snapshot, p *progress) *metav1.Condition {
	w := sortWithout(s)
	switch {
	case p.unserved != "":
		return report.False(v1beta1.ReasonNamespaceNotServed, unservedBriefly(s))
	case len(w.helped)+len(w.blocked) > 0:
		return report.False(v1beta1.ReasonPodsNotInjected, w.message()+p.repairing(s)+w.apart(s))
	case p.none != "":
		return report.True(v1beta1.ReasonNoPods, "No live Pod matches."+exempt(s))
	case len(s.Matched) == 0:
		return report.True(v1beta1.ReasonNoPods, "No live Pod is to have the sidecars."+w.apart(s))
	}
	message := "Every live Pod that the set selects holds its sidecars."
	if apart := w.apart(s); apart != "" {
		message = "Every live Pod that is to have the sidecars holds them." + apart
	}
	return report.True(v1beta1.ReasonAllPodsInjected, message)
}

// message names the Pods that should have the sidecars and do not.
func (w *without) message() string {
	var parts []string
	if n := len(w.helped); n > 0 {
		parts = append(parts, fmt.Sprintf("Without the sidecars until created anew: %s: %s.", report.Pods(n), report.Names(w.helped)))
	}
	if n := len(w.blocked); n > 0 {
		parts = append(parts, fmt.Sprintf("Without the sidecars, and created anew they would be again: %s: %s. %s.",
			report.Pods(n), report.Names(w.blocked), w.obstacle))
	}
	return strings.Join(parts, " ")
}

// apart names the Pods that are to have no sidecars, with a space before.
func (w *without) apart(s *Snapshot) string {
	out := exempt(s)
	if n := len(w.optedOut); n > 0 {
		out += fmt.Sprintf(" Opted out: %s: %s.", report.Pods(n), report.Names(w.optedOut))
	}
	return out
}

// repairing says what is done about Pods without sidecars, and what keeps some of them from eviction.
func (p *progress) repairing(s *Snapshot) string {
	if s.Set.Spec.RepairPolicy != v1beta1.RepairRecreate {
		return ""
	}
	out := ""
	if p.plan.Repair != "" {
		out = fmt.Sprintf(" None is evicted now: %s.", p.plan.Repair)
	}
	budget, policy, words := p.protected()
	if len(budget) > 0 {
		out += fmt.Sprintf(" PodDisruptionBudgets keep %s from eviction: %s.", report.Pods(len(budget)), report.Names(budget))
	}
	if len(policy) > 0 {
		out += fmt.Sprintf(" The API server refuses the eviction of %s: %s; the first: %s.",
			report.Pods(len(policy)), report.Names(policy), words)
	}
	return out
}

// protected names the Pods whose eviction was refused when it was last tried, in this round or before, by a budget or
// by something else, in these words.
func (p *progress) protected() (budget, policy []string, words string) {
	why := map[string]string{}
	for _, pod := range p.plan.Protected {
		why[podName(pod.Pod)] = pod.Words
	}
	for _, tried := range p.outcome.Kept {
		why[podName(tried.Pod)] = ""
		if !tried.ByBudget() {
			why[podName(tried.Pod)] = tried.Words()
		}
	}
	for _, evicted := range p.outcome.Evicted {
		delete(why, podName(evicted.Pod))
	}
	for pod, text := range why {
		if text == "" {
			budget = append(budget, pod)
			continue
		}
		policy = append(policy, pod)
	}
	slices.Sort(budget)
	slices.Sort(policy)
	if len(policy) > 0 {
		words = why[policy[0]]
	}
	return budget, policy, words
}
