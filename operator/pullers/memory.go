// SPDX-License-Identifier: Apache-2.0

package pullers

import (
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/internal/pull"
)

// Memory is what the operator remembers of pulls, for all controllers. Losing it costs one more puller, never a restart.
// Its methods may be called from many goroutines.
type Memory struct {
	mu      sync.Mutex
	objects map[object]*remembered
	// making lets one puller be made at a time, so that there are never too many in all.
	making sync.Mutex
}

// object is what pullers pull for.
type object struct {
	kind string
	name types.NamespacedName
}

// remembered is what is known of the pulls for one object.
type remembered struct {
	tries []pull.Try
	// failing says since when pulls fail, by the UIDs of their pullers.
	failing map[types.UID]time.Time
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{objects: map[object]*remembered{}} }

func (m *Memory) of(o object) *remembered {
	if m.objects[o] == nil {
		m.objects[o] = &remembered{failing: map[types.UID]time.Time{}}
	}
	return m.objects[o]
}

// recall tells what is remembered, and notes which of the pullers that are there have begun to fail.
func (m *Memory) recall(o object, pods []*corev1.Pod, now time.Time) (tries []pull.Try, pullers []pull.Puller) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.of(o)
	known.tries = pull.Recent(known.tries, now)
	there := sets.New[types.UID]()
	for _, pod := range pods {
		there.Insert(pod.UID)
		if _, failing := known.failing[pod.UID]; !failing && pull.Fails(pod) {
			known.failing[pod.UID] = now
		}
		pullers = append(pullers, pull.Puller{Pod: pod, FailingSince: known.failing[pod.UID]})
	}
	for uid := range known.failing {
		if !there.Has(uid) {
			delete(known.failing, uid)
		}
	}
	if len(known.tries)+len(known.failing) == 0 {
		delete(m.objects, o)
	}
	return slices.Clone(known.tries), pullers
}

// note takes in what pullers showed.
func (m *Memory) note(o object, tries []pull.Try) {
	if len(tries) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.of(o)
	known.tries = append(known.tries, tries...)
}

// forget drops an object that is gone.
func (m *Memory) forget(o object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, o)
}
