// SPDX-License-Identifier: Apache-2.0

// Package disruption asks the PodDisruptionBudgets of a Pod whether it may be taken out of service now, as the eviction
// API does, but without a write: a restart in place is no eviction, and what the eviction API writes into a budget's
// status would hold its share for two minutes.
//
// The disruption controller counts late: it learns of a restart when the kubelet reports the Pod as not Ready. So the
// Pods that serve are counted here once more, those that were just taken left out, and a budget allows the smaller of
// both figures.
package disruption

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/shorten"
)

// Budget is a PodDisruptionBudget whose selector was read.
type Budget struct {
	object   *policyv1.PodDisruptionBudget
	selector labels.Selector
	// key and value are a label that each Pod of the budget has; key is "" when the selector demands none. only tells that
	// the selector demands nothing else.
	key, value string
	only       bool
}

// Read reads budgets, sorted by namespace and name. The empty selector selects all Pods of the namespace, none selects
// no Pod, as in policy/v1; and one that cannot be read selects none either, as the eviction API has it.
func Read(objects []policyv1.PodDisruptionBudget) []*Budget {
	var out []*Budget
	for i := range objects {
		selector, err := metav1.LabelSelectorAsSelector(objects[i].Spec.Selector)
		if err != nil || objects[i].Spec.Selector == nil {
			continue
		}
		budget := &Budget{object: &objects[i], selector: selector}
		budget.key, budget.value, budget.only = demanded(selector)
		out = append(out, budget)
	}
	return sorted(out)
}

// sorted puts budgets into the order of their names.
func sorted(budgets []*Budget) []*Budget {
	slices.SortFunc(budgets, func(a, b *Budget) int {
		return cmp.Or(cmp.Compare(a.object.Namespace, b.object.Namespace), cmp.Compare(a.object.Name, b.object.Name))
	})
	return budgets
}

// demanded returns a label that a Pod must have to be selected, "" when there is no single one, and whether a Pod that has
// it is selected.
func demanded(selector labels.Selector) (key, value string, only bool) {
	requirements, _ := selector.Requirements()
	for i := range requirements {
		if value, exact := selector.RequiresExactMatch(requirements[i].Key()); exact {
			return requirements[i].Key(), value, len(requirements) == 1
		}
	}
	return "", "", false
}

// Key names the budget.
func (b *Budget) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: b.object.Namespace, Name: b.object.Name}
}

// Selector selects the Pods of the budget's namespace that it covers.
func (b *Budget) Selector() labels.Selector { return b.selector }

// Covers reports whether the budget covers a Pod.
func (b *Budget) Covers(pod *corev1.Pod) bool {
	return pod.Namespace == b.object.Namespace && b.selector.Matches(labels.Set(pod.Labels))
}

// Allowed is how many Pods the disruption controller lets go, by what it has written. It is 0 while it has not seen the
// budget as it is now.
func (b *Budget) Allowed() int {
	if b.unobserved() {
		return 0
	}
	return max(0, int(b.object.Status.DisruptionsAllowed))
}

func (b *Budget) unobserved() bool { return b.object.Status.ObservedGeneration < b.object.Generation }

// disrupted reports whether the eviction of a Pod was granted and is not carried out yet.
func (b *Budget) disrupted(pod *corev1.Pod) bool {
	_, found := b.object.Status.DisruptedPods[pod.Name]
	return found
}

// String names the budget for people.
func (b *Budget) String() string { return "PodDisruptionBudget " + b.Key().String() }

// Words say why the budget allows no Pod to go; healthy is how many of its Pods serve.
func (b *Budget) Words(healthy int) string {
	status := &b.object.Status
	synced := meta.FindStatusCondition(status.Conditions, policyv1.DisruptionAllowedCondition)
	switch {
	case b.unobserved():
		return b.String() + " allows none before the disruption controller has seen its last change"
	case synced != nil && synced.Reason == policyv1.SyncFailedReason:
		return fmt.Sprintf("%s allows none, since the disruption controller cannot count its Pods: %s", b, shorten.To(synced.Message, mostWords))
	case healthy <= int(status.DesiredHealthy):
		return fmt.Sprintf("%s allows none now (%d healthy of %d needed)", b, healthy, status.DesiredHealthy)
	case len(status.DisruptedPods) > 0:
		return fmt.Sprintf("%s allows none now (evictions granted and not carried out: %d)", b, len(status.DisruptedPods))
	}
	return fmt.Sprintf("%s allows none now (the disruption controller counts %d healthy of %d needed)",
		b, status.CurrentHealthy, status.DesiredHealthy)
}

// mostWords is how much is said of what another controller writes.
const mostWords = 128
