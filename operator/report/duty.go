// SPDX-License-Identifier: Apache-2.0

package report

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Duty leaves time for others: an object that takes long to look at is looked at less often, however often it changes.
// Looks that are over in no time are never held back. Its methods may be called from many goroutines.
type Duty struct {
	mu   sync.Mutex
	next map[types.NamespacedName]time.Time
}

const (
	// negligible is how long a look may take without being followed by a rest.
	negligible = 25 * time.Millisecond
	// rests is how much longer than a look the rest after it is, and longestRest is the most that it can be.
	rests, longestRest = 4, 2 * time.Second
)

// NewDuty returns a Duty that holds nothing back yet.
func NewDuty() *Duty { return &Duty{next: map[types.NamespacedName]time.Time{}} }

// Wait is how long the next look at an object has to wait.
func (d *Duty) Wait(object types.NamespacedName, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(0, d.next[object].Sub(now))
}

// Note remembers how long a look took that is over now.
func (d *Duty) Note(object types.NamespacedName, took time.Duration, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if took <= negligible {
		delete(d.next, object)
		return
	}
	d.next[object] = now.Add(min(rests*took, longestRest))
}

// Forget drops an object that is gone.
func (d *Duty) Forget(object types.NamespacedName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.next, object)
}
