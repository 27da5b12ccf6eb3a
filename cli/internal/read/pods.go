// SPDX-License-Identifier: Apache-2.0

package read

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Selected lists the Pods that a SidecarSet's selector picks, in all namespaces that it may reach.
func (c *Cluster) Selected(ctx context.Context, set *sidecar.Set) ([]*corev1.Pod, error) {
	// A set without a selector picks nothing; an empty one would list every Pod.
	selector, err := metav1.LabelSelectorAsSelector(set.Object.Spec.Selector)
	if err != nil || selector.Empty() {
		return nil, err
	}
	return c.pods(ctx, client.InNamespace(set.OnlyNamespace()), client.MatchingLabelsSelector{Selector: selector})
}

// Carriers lists the Pods of the scope that the selector of a SidecarSet picks.
func (c *Cluster) Carriers(ctx context.Context, set *sidecar.Set) ([]*corev1.Pod, error) {
	selected, err := c.Selected(ctx, set)
	if c.Scope.All || err != nil {
		return selected, err
	}
	return slices.DeleteFunc(selected, func(pod *corev1.Pod) bool { return pod.Namespace != c.Scope.Namespace }), nil
}

// Controlled lists the Pods that a StatefulSet of ours controls.
func (c *Cluster) Controlled(ctx context.Context, set *v1beta1.StatefulSet) ([]*corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("asts/%s: spec.selector: %w", set.Name, err)
	}
	pods, err := c.pods(ctx, client.InNamespace(set.Namespace), client.MatchingLabelsSelector{Selector: selector})
	if err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for _, pod := range pods {
		if metav1.IsControlledBy(pod, set) {
			out = append(out, pod)
		}
	}
	return out, nil
}

// inPages is how many objects the API server is asked for at a time.
const inPages = 500

func (c *Cluster) pods(ctx context.Context, options ...client.ListOption) ([]*corev1.Pod, error) {
	var out []*corev1.Pod
	next := ""
	for {
		list := &corev1.PodList{}
		if err := c.List(ctx, list, append(options, client.Limit(inPages), client.Continue(next))...); err != nil {
			return nil, fmt.Errorf("cannot list Pods: %w", err)
		}
		for i := range list.Items {
			out = append(out, &list.Items[i])
		}
		if next = list.Continue; next == "" {
			return out, nil
		}
	}
}
