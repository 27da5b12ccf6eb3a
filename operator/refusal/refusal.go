// SPDX-License-Identifier: Apache-2.0

// Package refusal remembers which writes the API server refused, so that a refused write is not tried over and over
// before all others.
//
// A controller keeps one Memory. Its executor notes each write that failed, its gatherer puts what Recent returns into
// the Snapshot, and its planner, which stays pure, asks that:
//
//	memory := refusal.NewMemory()
//	...
//	snapshot.Refusals = memory.Recent(set, now)       // gather
//	...
//	r, known := snapshot.Refusals.Of(pod.UID, revision)  // plan
//	switch {
//	case known && r.Waits(snapshot.Now): // not yet: name the Pod and r.Words
//	case known:                          // due: after all that were never refused
//	}
//	...
//	memory.Note(set, pod.UID, revision, err, now)     // apply, for every outcome
//	...
//	RequeueAfter: snapshot.Refusals.DueIn(now)        // 0: nothing waits
//	...
//	memory.Forget(set)                                // the set is gone
//
// What was refused (Refusal.Doubtful is false) took nothing down and takes up no share of any budget: the next
// candidate goes at once. What is doubtful may have been carried out, so it keeps its share until it is due again,
// whatever is wanted by then: Doubtful lists such objects.
//
// The revision is what the write was to bring about: the name of a revision, or any other word, such as "evict".
// Another UID or another revision is another write, of which nothing is remembered. What nobody tries again for a while
// is forgotten.
package refusal

import (
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/operator/apply"
)

const (
	// first and longest are how long a refused write waits for its next try: 5 s, then twice as long each time. Nothing
	// tells us when a quota is raised or a policy is lifted, so it is never more than a minute, the time until somebody
	// looks included.
	first, longest = 5 * time.Second, 50 * time.Second
	// longestInfeasible is how long a resize waits at most for its next try that the Pod's node cannot give: nodes hardly ever
	// grow, and a kubelet asks itself as rarely about what it has put off.
	longestInfeasible = 3 * time.Minute
	// patience is how long an eviction waits that a PodDisruptionBudget has refused, and whatever else the API server asks
	// to be patient about: 10 s is what it asks for itself. A budget is free again when another Pod serves, so it is no
	// reason to wait ever longer.
	patience = 10 * time.Second
	// forgotten is how long after its last try a write is forgotten: what is still to be written is tried much sooner.
	forgotten = 10 * time.Minute
)

// Key is one write: of an object, to a revision.
type Key struct {
	Object   types.UID
	Revision string
}

// Refusal is what is known of a write that failed.
type Refusal struct {
	// Words are the API server's, at most 256 bytes.
	Words string
	// Times is how often it failed in a row, At is when it did last, and Until is when it may be tried again.
	Times     int
	At, Until time.Time
	// Doubtful means that the write may have been carried out all the same.
	Doubtful bool
	// Infeasible means that a resize was refused since the Pod's node can never give it.
	Infeasible bool
}

// Waits reports whether it is too early for another try.
func (r Refusal) Waits(now time.Time) bool { return now.Before(r.Until) }

// Known are the remembered refusals of one set. It is a value: nobody changes it.
type Known map[Key]Refusal

// Of returns what is known of a write; false when it was never refused.
func (k Known) Of(object types.UID, revision string) (Refusal, bool) {
	r, ok := k[Key{object, revision}]
	return r, ok
}

// Doubtful are the objects that may have been written to without our knowing, to whatever revision: until a write is
// due again, the cache may not show it.
func (k Known) Doubtful(now time.Time) sets.Set[types.UID] {
	var out sets.Set[types.UID]
	for key, r := range k {
		if r.Doubtful && r.Waits(now) {
			if out == nil {
				out = sets.New[types.UID]()
			}
			out.Insert(key.Object)
		}
	}
	return out
}

// DueIn is in how long the first of those that wait may be tried again, 0 when none waits.
func (k Known) DueIn(now time.Time) time.Duration {
	soonest := time.Duration(0)
	for _, r := range k {
		if in := r.Until.Sub(now); in > 0 && (soonest == 0 || in < soonest) {
			soonest = in
		}
	}
	return soonest
}

// Memory holds the refusals of all sets of one controller. Its methods may be called from many goroutines.
type Memory struct {
	mu    sync.Mutex
	bySet map[types.NamespacedName]Known
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{bySet: map[types.NamespacedName]Known{}} }

// Note takes in what became of a write, and returns what that means. A write that was carried out is remembered no
// longer; one that came too late says nothing.
func (m *Memory) Note(set types.NamespacedName, object types.UID, revision string, err error, now time.Time) Kind {
	kind, key := KindOf(err), Key{object, revision}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch kind {
	case None:
		delete(m.bySet[set], key)
	case Refused, Doubtful:
		if m.bySet[set] == nil {
			m.bySet[set] = Known{}
		}
		times := m.bySet[set][key].Times + 1
		r := Refusal{Words: Words(err), Times: times, At: now, Doubtful: kind == Doubtful, Infeasible: apply.NodeCannot(err)}
		wait := pause(times, longest)
		switch {
		case r.Infeasible:
			wait = pause(times, longestInfeasible)
		case apierrors.IsTooManyRequests(err):
			wait = patience
		}
		r.Until = now.Add(wait)
		m.bySet[set][key] = r
	}
	return kind
}

// pause is how long a write waits that was refused so many times in a row, and at most.
func pause(times int, longest time.Duration) time.Duration {
	wait := first
	for range min(times, 10) - 1 {
		wait *= 2
	}
	return min(wait, longest)
}

// Recent is what is remembered of a set. What was not tried for a long while is forgotten: its object is gone, or
// something else is wanted of it.
func (m *Memory) Recent(set types.NamespacedName, now time.Time) Known {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(Known, len(m.bySet[set]))
	for key, r := range m.bySet[set] {
		if now.Sub(r.At) > forgotten {
			delete(m.bySet[set], key)
			continue
		}
		out[key] = r
	}
	if len(out) == 0 {
		delete(m.bySet, set)
		return nil
	}
	return out
}

// Forget drops a set that is gone.
func (m *Memory) Forget(set types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.bySet, set)
}
