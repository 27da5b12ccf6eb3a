// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/internal/workload"
)

// countBeside counts the Pods of workloads with which the set has nothing else to do. One that is being deleted is down
// until another was made in its place, which counts from then on: the end of a Pod may take long, or never come where its
// node is gone.
func (p *planner) countBeside() {
	missed := p.s.missed()
	for _, pod := range p.s.Beside {
		if pod.DeletionTimestamp != nil && !missed.Has(pod.UID) {
			continue
		}
		w := p.workloads.of(workload.Of(pod))
		w.pods++
		if !p.s.servesOn(pod) {
			w.down, w.others = w.down+1, append(w.others, pod)
		}
	}
}

// beside are the UIDs of Beside.
func (s *Snapshot) beside() sets.Set[types.UID] {
	out := make(sets.Set[types.UID], len(s.Beside))
	for _, pod := range s.Beside {
		out.Insert(pod.UID)
	}
	return out
}

// missed are the Pods that are being deleted and in whose place there is none yet. The first Pod of a workload that was
// made after the first deletion was asked for is in its place, and so on.
func (s *Snapshot) missed() sets.Set[types.UID] {
	out := sets.Set[types.UID]{}
	var deleted []*corev1.Pod
	for _, pod := range s.Beside {
		if pod.DeletionTimestamp != nil {
			deleted = append(deleted, pod)
		}
	}
	if len(deleted) == 0 {
		return out
	}
	slices.SortFunc(deleted, func(a, b *corev1.Pod) int { return deletedAt(a).Compare(deletedAt(b)) })
	born := s.births(deleted)
	for _, pod := range deleted {
		id, at := workload.Of(pod), deletedAt(pod)
		after := slices.IndexFunc(born[id], func(t time.Time) bool { return !t.Before(at) })
		if after < 0 {
			out.Insert(pod.UID)
			continue
		}
		born[id] = born[id][after+1:]
	}
	return out
}

// births are the creation times of the other Pods of the workloads of some, in order.
func (s *Snapshot) births(of []*corev1.Pod) map[workload.ID][]time.Time {
	out := map[workload.ID][]time.Time{}
	for _, pod := range of {
		out[workload.Of(pod)] = nil
	}
	note := func(pod *corev1.Pod) {
		id := workload.Of(pod)
		if _, asked := out[id]; asked && pod.DeletionTimestamp == nil {
			out[id] = append(out[id], pod.CreationTimestamp.Time)
		}
	}
	s.eachPod(note)
	for _, pod := range s.Beside {
		note(pod)
	}
	for _, times := range out {
		slices.SortFunc(times, time.Time.Compare)
	}
	return out
}

// deletedAt is when the API server was asked to delete a Pod. Times of creation are whole seconds, and so is this one.
func deletedAt(pod *corev1.Pod) time.Time {
	at := pod.DeletionTimestamp.Time
	if grace := pod.DeletionGracePeriodSeconds; grace != nil {
		at = at.Add(-time.Duration(*grace) * time.Second)
	}
	return at
}
