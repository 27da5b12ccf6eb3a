// SPDX-License-Identifier: Apache-2.0

// Package report holds what controllers need to tell people what they see, without telling it over and over.
package report

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// quietFor is how long a warning is not said again in the same words.
const quietFor = time.Minute

// Repeats keeps warnings from being said over and over: what is refused is tried again, and mostly refused again. Its
// methods may be called from many goroutines.
type Repeats struct {
	mu   sync.Mutex
	said map[types.NamespacedName]map[string]time.Time
}

// NewRepeats returns Repeats that have heard nothing yet.
func NewRepeats() *Repeats {
	return &Repeats{said: map[types.NamespacedName]map[string]time.Time{}}
}

// First reports whether a text is not one that was let through for the object within quietFor, and remembers it then.
// Older ones are forgotten.
func (r *Repeats) First(object types.NamespacedName, text string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := r.said[object]
	for known, at := range said {
		if now.Sub(at) >= quietFor {
			delete(said, known)
		}
	}
	if _, ok := said[text]; ok {
		return false
	}
	if said == nil {
		said = map[string]time.Time{}
		r.said[object] = said
	}
	said[text] = now
	return true
}

// Forget drops an object that is gone.
func (r *Repeats) Forget(object types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.said, object)
}
