// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/operator/refusal"
)

// memory is what the operator remembers of its writes: what the next snapshots cannot see in the cluster. It is lost
// when the operator starts anew.
type memory struct {
	// evictions are what we evicted, refusals what the API server refused.
	evictions *evictions
	refusals  *refusal.Memory
}

func newMemory() *memory {
	return &memory{evictions: newEvictions(), refusals: refusal.NewMemory()}
}

// recall puts what is remembered of a set into its snapshot.
func (m *memory) recall(s *Snapshot) {
	set := client.ObjectKeyFromObject(s.Set.Object)
	s.Evicted, s.Futile = m.evictions.recent(set.Name, s.Now), m.evictions.futile(set.Name, s.Set.Hashes.Full)
	s.Refusals = m.refusals.Recent(set, s.Now)
	s.Doubtful = s.Refusals.Doubtful(s.Now)
}

// note takes in what became of a plan.
func (m *memory) note(s *Snapshot, plan *Plan, outcome *Outcome) {
	m.noteEvictions(s, plan, outcome)
	set := client.ObjectKeyFromObject(s.Set.Object)
	note := func(u UpdatePod, write string, err error) {
		m.refusals.Note(set, u.View.Pod.UID, refusalKey(s.Set, write), err, s.Now)
	}
	for _, refused := range outcome.Refused {
		write := refused.Write
		if refused.infeasible() {
			write = writeResize // the update goes on without it
		}
		note(refused.UpdatePod, write, refused.Err)
	}
	for write, done := range map[string][]UpdatePod{
		writeUpdate: outcome.Updated, writeResize: outcome.Completed, writeFinish: outcome.Finished,
	} {
		for _, u := range done {
			note(u, write, nil)
		}
	}
}

// noteEvictions takes in what was evicted, what that was good for, and what the API server refused.
func (m *memory) noteEvictions(s *Snapshot, plan *Plan, outcome *Outcome) {
	set := client.ObjectKeyFromObject(s.Set.Object)
	m.evictions.learn(set.Name, s.Set.Hashes.Full, plan.Futile)
	for _, e := range outcome.Evicted {
		m.evictions.note(set.Name, evictedNow(s, e))
		m.refusals.Note(set, e.Pod.UID, evictWrite, nil, s.Now)
		m.refusals.Note(set, e.owner(), evictWrite, nil, s.Now)
	}
	for _, tried := range outcome.Doubtful {
		m.refusals.Note(set, tried.Pod.UID, evictWrite, tried.Err, s.Now)
	}
	for _, tried := range outcome.Kept {
		object := tried.Pod.UID
		if tried.ByBudget() {
			object = tried.owner()
		}
		m.refusals.Note(set, object, evictWrite, tried.Err, s.Now)
	}
}

// forget drops a set that is gone.
func (m *memory) forget(set types.NamespacedName) {
	m.evictions.forget(set.Name)
	m.refusals.Forget(set)
}
