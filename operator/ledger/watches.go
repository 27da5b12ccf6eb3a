// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/operator/loop"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Watch wakes who waits for a PodDisruptionBudget when that changes.
func (w *Waiters) Watch() loop.Watch {
	return loop.Watch{Object: &policyv1.PodDisruptionBudget{}, Handler: handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { w.wake(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion() {
				w.wake(e.ObjectNew, q)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { w.wake(e.Object, q) },
	}}
}

func (w *Waiters) wake(budget client.Object, q queue) {
	for _, object := range w.waiting(client.ObjectKeyFromObject(budget)) {
		q.Add(reconcile.Request{NamespacedName: object})
	}
}
