// SPDX-License-Identifier: Apache-2.0

package world

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies is an HDR histogram of how long requests took, from 1 µs to a minute with three digits. Longer ones count as
// a minute.
type Latencies struct {
	mu        sync.Mutex
	histogram *hdrhistogram.Histogram
}

// NewLatencies makes an empty one.
func NewLatencies() *Latencies {
	return &Latencies{histogram: hdrhistogram.New(1, time.Minute.Microseconds(), 3)}
}

// Record adds one request.
func (l *Latencies) Record(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.histogram.RecordValue(min(took, time.Minute).Microseconds()) // it is within the bounds
}

// Milliseconds is how long so many percent of the requests took at most.
func (l *Latencies) Milliseconds(percent float64) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(l.histogram.ValueAtQuantile(percent)) / 1000
}

// Count is how many there were.
func (l *Latencies) Count() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.histogram.TotalCount()
}
