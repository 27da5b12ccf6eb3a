// SPDX-License-Identifier: Apache-2.0

package pullers

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/pull"
)

// Memory is what the operator remembers of pulls, for all controllers. Losing it costs one more puller, never a restart.
// Its methods may be called from many goroutines.
//
// A puller proves something only while it is remembered: whoever may make Pods in a namespace could make one that looks
// like ours.
type Memory struct {
	mu      sync.Mutex
	objects map[place]*remembered
	// making lets one puller be made at a time, so that there are never too many in all.
	making sync.Mutex
}

// place is where an object is that pullers pull for, and object is that one and no other of its name.
type (
	place struct {
		kind string
		name types.NamespacedName
	}
	object struct {
		place
		uid types.UID
	}
)

// remembered is what is known of the pulls for one object.
type remembered struct {
	uid   types.UID
	tries []pull.Try
	// made are the pullers that we have made and not deleted.
	made map[types.UID]*made
}

// made is a puller that we have made.
type made struct {
	pull.Key
	namespace, name string
	// image is that of the container as it is stored: an admission webhook may have put the name of a mirror.
	image string
	at    time.Time
	// failing is since when its pull fails, zero while it does not.
	failing time.Time
	// ending tells that we have asked to delete it: the answer may have been lost.
	ending bool
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{objects: map[place]*remembered{}} }

// of is what is remembered of an object. Of the one before it of the same name nothing counts any more: its pullers went
// with it.
func (m *Memory) of(o object) *remembered {
	if known := m.objects[o.place]; known == nil || known.uid != o.uid {
		m.objects[o.place] = &remembered{uid: o.uid, made: map[types.UID]*made{}}
	}
	return m.objects[o.place]
}

// recall tells what is remembered, sorts out which of the Pods that look like pullers of an object are, and notes which
// of those have begun to fail. One that is not there any more, or not as it was, says nothing.
func (m *Memory) recall(o object, list []*corev1.Pod, now time.Time) (
	tries []pull.Try, pullers []pull.Puller, strays []*corev1.Pod,
) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.of(o)
	there := sets.New[types.UID]()
	for _, pod := range list {
		puller := known.made[pod.UID]
		if puller == nil || !puller.is(pod) {
			strays = append(strays, pod)
			continue
		}
		there.Insert(pod.UID)
		if puller.failing.IsZero() && pull.Fails(pod) {
			puller.failing = now
		}
		pullers = append(pullers, pull.Puller{Pod: pod, FailingSince: puller.failing})
	}
	for _, uid := range slices.Sorted(maps.Keys(known.made)) {
		if there.Has(uid) {
			continue
		}
		if puller := known.made[uid]; !puller.ending {
			known.tries = append(known.tries, puller.lost(uid, now))
		}
		delete(known.made, uid)
	}
	known.tries = pull.Recent(known.tries, now)
	if len(known.tries)+len(known.made) == 0 {
		delete(m.objects, o.place)
	}
	return slices.Clone(known.tries), pullers, strays
}

// is reports whether a Pod is as it was made.
func (m *made) is(pod *corev1.Pod) bool {
	return pull.KeyOf(pod) == m.Key && pods.Image(pod, pull.ContainerName) == m.image
}

// lost is what comes of a puller that somebody else has ended.
func (m *made) lost(uid types.UID, now time.Time) pull.Try {
	return pull.Try{
		Key: m.Key, Namespace: m.namespace, State: pull.SaysNothing, Lost: true, Puller: uid, Began: m.at, At: now,
		Words: fmt.Sprintf("Pod %s/%s on node %s was deleted or changed by somebody else", m.namespace, m.name, m.Node),
	}
}

// noteMade takes in a puller that was made, as the API server has it.
func (m *Memory) noteMade(o object, puller *corev1.Pod, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of(o).made[puller.UID] = &made{
		Key: pull.KeyOf(puller), namespace: puller.Namespace, name: puller.Name, image: pods.Image(puller, pull.ContainerName), at: now,
	}
}

// noteEnding takes in that a puller is about to be deleted.
func (m *Memory) noteEnding(o object, puller types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.objects[o.place]; known != nil && known.made[puller] != nil {
		known.made[puller].ending = true
	}
}

// noteEnded takes in that a puller was deleted.
func (m *Memory) noteEnded(o object, puller types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.objects[o.place]; known != nil {
		delete(known.made, puller)
	}
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

// inAll counts the pullers that there are.
func (m *Memory) inAll() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, known := range m.objects {
		n += len(known.made)
	}
	return n
}

// forget drops an object that is gone.
func (m *Memory) forget(at place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, at)
}
