// SPDX-License-Identifier: Apache-2.0

package report

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Pace spaces out the status writes of each object, so that a workload with thousands of Pods does not write its status
// thousands of times. Its methods may be called from many goroutines.
type Pace struct {
	interval time.Duration

	mu   sync.Mutex
	last map[types.NamespacedName]time.Time
}

// NewPace returns a Pace that lets an object be written to once in an interval.
func NewPace(interval time.Duration) *Pace {
	return &Pace{interval: interval, last: map[types.NamespacedName]time.Time{}}
}

// Wait is how long the next write of an object has to wait.
func (p *Pace) Wait(object types.NamespacedName, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, ok := p.last[object]
	if !ok {
		return 0
	}
	return max(0, last.Add(p.interval).Sub(now))
}

// Note remembers a write.
func (p *Pace) Note(object types.NamespacedName, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[object] = now
}

// Forget drops an object that is gone.
func (p *Pace) Forget(object types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, object)
}
