// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/operator/refusal"
)

// memory is what the operator remembers of its writes. It is lost when the operator restarts, which costs one more
// try of each.
type memory struct {
	refusals *refusal.Memory

	mu sync.Mutex
	// accepted are, by set, the revisions of which the API server has taken a new Pod, or has said by dry run that it
	// would.
	accepted map[types.NamespacedName]string
}

func newMemory() *memory {
	return &memory{refusals: refusal.NewMemory(), accepted: map[types.NamespacedName]string{}}
}

// recall puts what is remembered of a set into its snapshot.
func (m *memory) recall(s *Snapshot) {
	key := client.ObjectKeyFromObject(s.Set)
	s.Refusals = m.refusals.Recent(key, s.Now)
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Accepted = m.accepted[key]
}

// note takes in what became of a plan.
func (m *memory) note(set types.NamespacedName, o *Outcome, now time.Time) {
	for _, t := range o.tries {
		m.refusals.Note(set, t.object, t.toward, t.err, now)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case o.rejected != "":
		delete(m.accepted, set)
	case o.accepted != "":
		m.accepted[set] = o.accepted
	}
}

// forget drops a set that is gone.
func (m *memory) forget(set types.NamespacedName) {
	m.refusals.Forget(set)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.accepted, set)
}
