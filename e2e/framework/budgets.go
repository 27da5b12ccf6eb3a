// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Budget makes a PodDisruptionBudget under which so many Pods of a workload must serve. It is not created yet.
func Budget(namespace, app string, minAvailable int32) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: ptr.To(intstr.FromInt32(minAvailable)),
			Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{AppLabel: app}},
		},
	}
}

// Cordon says whether new Pods may come to a node.
func (c *Cluster) Cordon(ctx context.Context, node string, cordoned bool) error {
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, cordoned))
	if err := c.Client.Patch(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}, patch); err != nil {
		return fmt.Errorf("cordon node %s: %w", node, err)
	}
	return nil
}

// LabelNode gives a node a label, or takes it away if the value is empty.
func (c *Cluster) LabelNode(ctx context.Context, node, key, value string) error {
	label := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, value)
	if value == "" {
		label = fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, key)
	}
	patch := client.RawPatch(types.MergePatchType, []byte(label))
	if err := c.Client.Patch(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}, patch); err != nil {
		return fmt.Errorf("label node %s: %w", node, err)
	}
	return nil
}

// EvictFrom evicts the Pods of a namespace from a node, one after the other, as `kubectl drain` does: one that a budget
// does not let go yet is asked for again. It returns how many were evicted.
func (c *Cluster) EvictFrom(ctx context.Context, node, namespace string) (int, error) {
	list := &corev1.PodList{}
	if err := c.Client.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{"spec.nodeName": node}); err != nil {
		return 0, fmt.Errorf("list Pods of node %s: %w", node, err)
	}
	for i := range list.Items {
		if err := c.evict(ctx, &list.Items[i]); err != nil {
			return i, err
		}
	}
	return len(list.Items), nil
}

func (c *Cluster) evict(ctx context.Context, pod *corev1.Pod) error {
	for {
		err := c.Clientset.PolicyV1().Evictions(pod.Namespace).Evict(ctx, &policyv1.Eviction{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		})
		if err == nil || apierrors.IsNotFound(err) {
			return nil
		}
		if !apierrors.IsTooManyRequests(err) {
			return fmt.Errorf("evict Pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(250 * time.Millisecond):
		}
	}
}
