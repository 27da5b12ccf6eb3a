package sidecarset

import (
	"sync"
	"time"
)

// pace spaces out the status writes of each object.
type pace struct {
	interval time.Duration

	mu   sync.Mutex
	last map[string]time.Time
}

func newPace(interval time.Duration) *pace {
	return &pace{interval: interval, last: map[string]time.Time{}}
}

// wait is how long the next write of an object has to wait.
func (p *pace) wait(name string, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, ok := p.last[name]
	if !ok {
		return 0
	}
	return max(0, last.Add(p.interval).Sub(now))
}

// note remembers a write.
func (p *pace) note(name string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[name] = now
}

// forget drops an object that is gone.
func (p *pace) forget(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, name)
}
