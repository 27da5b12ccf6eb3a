// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Waiters are the objects of one controller that wait for PodDisruptionBudgets. The status of a budget changes with
// every Pod that it covers, and most of that concerns nobody here. Its methods may be called from many goroutines.
type Waiters struct {
	mu sync.Mutex
	// by are the budgets for which an object waits; none while a look at it is under way, which any budget may concern.
	by map[types.NamespacedName][]types.NamespacedName
}

// NewWaiters returns those of a controller that has looked at nothing.
func NewWaiters() *Waiters {
	return &Waiters{by: map[types.NamespacedName][]types.NamespacedName{}}
}

// Look says that budgets are about to be read for an object. What changes before the look is at its end may be what the
// object waits for then.
func (w *Waiters) Look(object types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.by[object] = nil
}

// Wait says for which budgets an object waits at the end of a look.
func (w *Waiters) Wait(object types.NamespacedName, budgets []types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(budgets) == 0 {
		delete(w.by, object)
		return
	}
	w.by[object] = budgets
}

// waiting are the objects that a change of a budget concerns.
func (w *Waiters) waiting(budget types.NamespacedName) (out []types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for object, budgets := range w.by {
		if len(budgets) == 0 || slices.Contains(budgets, budget) {
			out = append(out, object)
		}
	}
	return out
}
