// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/workload"
)

// evictionMemory is how long an eviction is remembered at most. One whose Pod has not come back by then is taken for
// its controller's own affair.
const evictionMemory = time.Hour

// Evicted is a Pod that was evicted a while ago.
type Evicted struct {
	// Pod and Owner are the UIDs of the Pod and its controller, Workload is what the Pod was of.
	Pod, Owner types.UID
	Workload   workload.ID
	// At is when.
	At time.Time
	// Served reports whether the Pod served, so that its end took something down.
	Served bool
	// Newest is when the controller's youngest Pod at that time was created, and Twins are its Pods of that very
	// second: creation times are whole seconds. A Pod that is younger, or no twin, came afterwards. Both times are the
	// API server's, so that its clock and ours need not agree.
	Newest metav1.Time
	Twins  []types.UID
}

// before reports whether a Pod of the same controller was there at the eviction.
func (e *Evicted) before(pod *corev1.Pod) bool {
	return pod.UID == e.Pod || pod.CreationTimestamp.Before(&e.Newest) ||
		pod.CreationTimestamp.Equal(&e.Newest) && slices.Contains(e.Twins, pod.UID)
}

// evictions remembers the Pods that were evicted, by SidecarSet: between the end of a Pod and the creation of its
// successor nothing in the cluster tells that one is missing.
type evictions struct {
	mu    sync.Mutex
	bySet map[string]*evictedOf
}

// evictedOf is what is remembered of one set.
type evictedOf struct {
	evicted []Evicted
	// version is the version of the set that futile is about.
	version string
	futile  map[types.UID]bool
}

func newEvictions() *evictions { return &evictions{bySet: map[string]*evictedOf{}} }

// note remembers an eviction.
func (e *evictions) note(set string, evicted Evicted) {
	e.mu.Lock()
	defer e.mu.Unlock()
	of := e.of(set)
	of.evicted = append(of.evicted, evicted)
}

// learn remembers controllers of which no Pod needs to be evicted for this version of the set: what they make comes
// without its sidecars.
func (e *evictions) learn(set, version string, owners []types.UID) {
	if len(owners) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	of := e.of(set)
	if of.version != version {
		of.version, of.futile = version, map[types.UID]bool{}
	}
	for _, owner := range owners {
		of.futile[owner] = true
	}
}

// of finds what is remembered of a set, or begins. e.mu is held.
func (e *evictions) of(set string) *evictedOf {
	if e.bySet[set] == nil {
		e.bySet[set] = &evictedOf{}
	}
	return e.bySet[set]
}

// recent lists what is remembered of a set, oldest first, and forgets what is too old.
func (e *evictions) recent(set string, now time.Time) []Evicted {
	e.mu.Lock()
	defer e.mu.Unlock()
	of := e.bySet[set]
	if of == nil {
		return nil
	}
	of.evicted = slices.DeleteFunc(of.evicted, func(x Evicted) bool { return now.Sub(x.At) > evictionMemory })
	return slices.Clone(of.evicted)
}

// futile are the controllers that learn was told of for this version of a set.
func (e *evictions) futile(set, version string) map[types.UID]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	of := e.bySet[set]
	if of == nil || of.version != version {
		return nil
	}
	return maps.Clone(of.futile)
}

// forget drops a set that is gone.
func (e *evictions) forget(set string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.bySet, set)
}

// evictedNow is what is to be remembered of an eviction that was carried out.
func evictedNow(s *Snapshot, e EvictPod) Evicted {
	owner := metav1.GetControllerOf(e.Pod).UID
	out := Evicted{Pod: e.Pod.UID, Owner: owner, Workload: workload.Of(e.Pod), At: s.Now, Served: !e.NotServing}
	s.eachPod(func(pod *corev1.Pod) {
		if controller := metav1.GetControllerOfNoCopy(pod); controller == nil || controller.UID != owner {
			return
		}
		switch {
		case out.Newest.Before(&pod.CreationTimestamp):
			out.Newest, out.Twins = pod.CreationTimestamp, []types.UID{pod.UID}
		case out.Newest.Equal(&pod.CreationTimestamp):
			out.Twins = append(out.Twins, pod.UID)
		}
	})
	return out
}

// eachPod visits all live Pods that are to have the set's sidecars.
func (s *Snapshot) eachPod(visit func(pod *corev1.Pod)) {
	for _, view := range s.Matched {
		visit(view.Pod)
	}
	for _, u := range s.Uninjected {
		visit(u.Pod)
	}
}
