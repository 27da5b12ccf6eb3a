// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/admit"
)

// mostProtection is of how many PodDisruptionBudgets the Pods are looked for.
const mostProtection = 50

// protecting names the PodDisruptionBudgets that allow no disruption now and cover Pods that the set selects. They are
// looked for when a set changes that respects them and has Pods to update. What cannot be read is not worth a refusal.
func (v *Validator) protecting(ctx context.Context, write admit.Write[v1beta1.SidecarSet], namespaces []*corev1.Namespace) []string {
	set, old := write.Object, write.Old
	strategy := &set.Spec.UpdateStrategy
	if v.Live == nil || old == nil || old.Status.MatchedPods == 0 || equality.Semantic.DeepEqual(set.Spec, old.Spec) ||
		strategy.DisruptionBudgets == v1beta1.IgnoreDisruptionBudgets || strategy.Type == v1beta1.NotUpdateSidecarSetStrategyType {
		return nil
	}
	compiled, err := sidecar.Compile(set)
	if err != nil {
		return nil // which is refused
	}
	out, err := v.coveringBudgets(ctx, compiled, namespaces)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("PodDisruptionBudgets are not warned of", "set", set.Name, "error", err.Error())
	}
	return out
}

func (v *Validator) coveringBudgets(ctx context.Context, set *sidecar.Set, namespaces []*corev1.Namespace) (out []string, err error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return nil, err
	}
	list := &policyv1.PodDisruptionBudgetList{}
	if err := v.Live.List(ctx, list, client.InNamespace(set.Spec.Namespace), fromMemory); err != nil {
		return nil, fmt.Errorf("list PodDisruptionBudgets: %w", err)
	}
	reached := map[string]bool{}
	for _, namespace := range namespaces {
		reached[namespace.Name] = set.MatchesNamespace(namespace.Name, namespace.Labels)
	}
	asked := 0
	for _, budget := range disruption.Read(list.Items) {
		if budget.Allowed() > 0 || !reached[budget.Key().Namespace] || asked == mostProtection {
			continue
		}
		asked++
		pods := &metav1.PartialObjectMetadataList{}
		pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
		err := v.Live.List(ctx, pods, client.InNamespace(budget.Key().Namespace), client.Limit(1),
			client.MatchingLabelsSelector{Selector: both(selector, budget.Selector())})
		if err != nil {
			return out, fmt.Errorf("list a Pod of %s: %w", budget, err)
		}
		if len(pods.Items) > 0 {
			out = append(out, budget.Key().String())
		}
	}
	return out, nil
}

// fromMemory lets the API server answer from its cache: a warning need not be of this moment.
var fromMemory = &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}}

// both selects what two selectors select.
func both(a, b labels.Selector) labels.Selector {
	requirements, selectable := b.Requirements()
	if !selectable {
		return labels.Nothing()
	}
	return a.Add(requirements...)
}
