package sidecarset

import (
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// evictionMemory is how long an evicted Pod without a successor counts as down.
// After that its controller is taken to have been scaled in.
const evictionMemory = 5 * time.Minute

// evictions remembers the Pods that were evicted, by SidecarSet: between the
// end of a Pod and the creation of its successor nothing in the cluster tells
// that one is missing.
type evictions struct {
	mu    sync.Mutex
	bySet map[string][]Evicted
}

func newEvictions() *evictions { return &evictions{bySet: map[string][]Evicted{}} }

// note remembers an eviction.
func (e *evictions) note(set string, pod *corev1.Pod, now time.Time) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bySet[set] = append(e.bySet[set], Evicted{Pod: pod.UID, Owner: owner.UID, Second: metav1.NewTime(now.Truncate(time.Second))})
}

// recent lists what is remembered of a set and forgets what is too old.
func (e *evictions) recent(set string, now time.Time) []Evicted {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := slices.DeleteFunc(e.bySet[set], func(x Evicted) bool { return now.Sub(x.Second.Time) > evictionMemory })
	if len(kept) == 0 {
		delete(e.bySet, set)
		return nil
	}
	e.bySet[set] = kept
	return slices.Clone(kept)
}

// forget drops a set that is gone.
func (e *evictions) forget(set string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.bySet, set)
}
