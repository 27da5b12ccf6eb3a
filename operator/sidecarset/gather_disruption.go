// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// openLedger reads the ledger. The cache must be read afterwards: what has left the one is in the other.
func (g *gatherer) openLedger(s *Snapshot) {
	g.ledger.Keep(takerOf(s.Set.Name()), s.Doubtful)
	s.Takes = g.ledger.Read(takerOf(s.Set.Name()))
}

// takerOf is the name by which a set is known in the ledger.
func takerOf(set string) string { return "SidecarSet " + set }

// disruptionBudgets reads the PodDisruptionBudgets of the Pods that the plan may restart or evict, and all Pods of their
// namespaces, since a budget may cover Pods of others. Where there is nothing to restart nothing is read.
func (g *gatherer) disruptionBudgets(ctx context.Context, s *Snapshot) error {
	mayGo := mayGo(s)
	if len(mayGo) == 0 {
		return nil
	}
	g.waiters.Look(client.ObjectKeyFromObject(s.Set.Object))
	s.Disruption = disruption.Budgets{}
	for namespace, concerned := range mayGo {
		known, err := ledger.Budgets(ctx, g.reader, namespace, concerned)
		if err != nil {
			return err
		}
		if len(known.Budgets) > 0 {
			s.Disruption[namespace] = known
		}
	}
	return nil
}

// mayGo are the serving Pods, by namespace, that the plan may restart, if it asks budgets about that, or evict: that
// takes from budgets whatever the set says of restarts.
func mayGo(s *Snapshot) map[string][]*corev1.Pod {
	strategy, out := &s.Set.Spec.UpdateStrategy, map[string][]*corev1.Pod{}
	if s.respects() && !strategy.Paused && strategy.Type != v1beta1.NotUpdateSidecarSetStrategyType {
		for _, view := range s.Matched {
			if view.Ready() && (!view.Updated() || !view.HotFinished() || len(view.OwedResizes()) > 0) {
				out[view.Pod.Namespace] = append(out[view.Pod.Namespace], view.Pod)
			}
		}
	}
	if s.Set.Spec.RepairPolicy == v1beta1.RepairRecreate {
		for _, u := range s.Uninjected {
			if pods.Ready(u.Pod) {
				out[u.Pod.Namespace] = append(out[u.Pod.Namespace], u.Pod)
			}
		}
	}
	return out
}

// respects reports whether restarts ask the PodDisruptionBudgets of a Pod.
func (s *Snapshot) respects() bool {
	return s.Set.Spec.UpdateStrategy.DisruptionBudgets != v1beta1.IgnoreDisruptionBudgets
}
