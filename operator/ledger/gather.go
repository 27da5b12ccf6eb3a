// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/disruption"
)

// Budgets reads the PodDisruptionBudgets of a namespace, and, if one of them covers one of some Pods, all Pods of the
// namespace, by which they are counted.
func Budgets(ctx context.Context, reader client.Reader, namespace string, pods []*corev1.Pod) (disruption.Namespace, error) {
	list := &policyv1.PodDisruptionBudgetList{}
	if err := reader.List(ctx, list, client.UnsafeDisableDeepCopy, client.InNamespace(namespace)); err != nil {
		return disruption.Namespace{}, fmt.Errorf("list PodDisruptionBudgets of namespace %s: %w", namespace, err)
	}
	budgets := disruption.Read(list.Items)
	if !disruption.CoverAny(budgets, pods) {
		return disruption.Namespace{}, nil
	}
	all := &corev1.PodList{}
	if err := reader.List(ctx, all, client.UnsafeDisableDeepCopy, client.InNamespace(namespace)); err != nil {
		return disruption.Namespace{}, fmt.Errorf("list Pods of namespace %s for its PodDisruptionBudgets: %w", namespace, err)
	}
	return disruption.Namespace{Budgets: budgets, Pods: all.Items}, nil
}

// Settle ends the entries of evicted Pods that the cache shows as terminating or gone.
func (p *Page) Settle(ctx context.Context, reader client.Reader) error {
	for _, evicted := range p.Unseen() {
		pod := &corev1.Pod{}
		err := reader.Get(ctx, evicted.NamespacedName, pod)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("read Pod %s, which was evicted: %w", evicted, err)
		}
		if err != nil || pod.UID != evicted.UID || pod.DeletionTimestamp != nil {
			p.Seen(evicted)
		}
	}
	return nil
}
