// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// takerOf is the name by which a set is known in the ledger.
func takerOf(set types.NamespacedName) string { return "StatefulSet " + set.String() }

// openLedger reads the ledger. The cache must be read afterwards: what has left the one is in the other.
func (g *gatherer) openLedger(s *Snapshot) {
	by := takerOf(client.ObjectKeyFromObject(s.Set))
	g.ledger.Keep(by, s.Refusals.Doubtful(s.Now))
	s.Takes = g.ledger.Read(by)
}

// disruptionBudgets reads the PodDisruptionBudgets of the Pods that may be updated now, and the Pods that these count.
func (g *gatherer) disruptionBudgets(ctx context.Context, s *Snapshot) error {
	if !s.respects() {
		return nil
	}
	if err := s.Takes.Settle(ctx, g.reader); err != nil {
		return err
	}
	status, mayGo := &s.Set.Status, []*corev1.Pod(nil)
	for _, view := range s.Pods {
		old := status.ObservedGeneration != s.Set.Generation || view.Revision != status.UpdateRevision
		if pods.Ready(view.Pod) && (view.Asked || old) {
			mayGo = append(mayGo, view.Pod)
		}
	}
	if len(mayGo) == 0 {
		return nil
	}
	g.waiters.Look(client.ObjectKeyFromObject(s.Set))
	known, err := ledger.Budgets(ctx, g.reader, s.Set.Namespace, mayGo)
	if err != nil {
		return err
	}
	s.Disruption = disruption.Budgets{s.Set.Namespace: known}
	return nil
}
