// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// matchHistory remembers when Pods came to be selected that were there already. Nothing in the cluster says so: no
// object keeps the time at which a label was taken away, or what a selector was before. It is lost with the process.
type matchHistory struct {
	clock clock.PassiveClock

	mu sync.Mutex
	// watched is when it began.
	watched time.Time
	// pods are those whose labels were changed so that more sets select them, and selectors the sets whose selectors
	// were changed.
	pods      map[types.UID]time.Time
	selectors map[string]time.Time
	// namespaces are by name those that a set selects since, by the set's name; "" stands for all sets.
	namespaces map[string]map[string]time.Time
}

func newHistory(clock clock.PassiveClock) *matchHistory {
	return &matchHistory{
		clock: clock, pods: map[types.UID]time.Time{}, selectors: map[string]time.Time{}, namespaces: map[string]map[string]time.Time{},
	}
}

// begin is called before the first Pod is looked at. Calls after the first one do nothing.
func (h *matchHistory) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watched.IsZero() {
		h.watched = h.clock.Now()
	}
}

// begun is when it began.
func (h *matchHistory) begun() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.watched
}

func (h *matchHistory) notePod(pod types.UID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pods[pod] = h.clock.Now()
}

func (h *matchHistory) noteSelector(set string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.selectors[set] = h.clock.Now()
}

// noteNamespace takes in the sets that select a namespace since now.
func (h *matchHistory) noteNamespace(namespace string, names sets.Set[string]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range names {
		if h.namespaces[namespace] == nil {
			h.namespaces[namespace] = map[string]time.Time{}
		}
		h.namespaces[namespace][name] = h.clock.Now()
	}
}

// forgetPod, forgetSet and forgetNamespace drop what is gone.
func (h *matchHistory) forgetPod(pod types.UID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pods, pod)
}

func (h *matchHistory) forgetSet(set string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.selectors, set)
	for _, names := range h.namespaces {
		delete(names, set)
	}
}

func (h *matchHistory) forgetNamespace(namespace string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.namespaces, namespace)
}

// of is what is known of when a set began to select a Pod.
func (h *matchHistory) of(set string, pod types.UID, namespace string) sidecar.Matching {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := sidecar.Matching{Watched: h.watched}
	for _, at := range []time.Time{h.pods[pod], h.selectors[set], h.namespaces[namespace][set], h.namespaces[namespace][""]} {
		if at.After(out.Changed) {
			out.Changed = at
		}
	}
	return out
}
