// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/operator/ledger"
)

// Taking takes a Pod from its budgets before it is written to, and says in the ledger what became of that. done is what
// a write that was carried out means there.
func Taking(page *ledger.Page, pod *corev1.Pod, budgets []ledger.Budget, done ledger.Answer, write func() error) error {
	entry, err := page.Take(pod, budgets)
	if err != nil {
		return err
	}
	err = write()
	switch KindOf(err) {
	case None:
		entry.Answered(done)
	case Doubtful:
		entry.Answered(ledger.Doubtful)
	default:
		entry.Answered(ledger.Shown)
	}
	return err
}
