// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"sync"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/selectors"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// Stored are the SidecarSets that the cluster has, filed by what they bring into Pods, so that a new set is compared
// with those alone that bring the same.
//
// It is safe for concurrent use. The sets in it are never modified.
type Stored struct {
	mu    sync.RWMutex
	sets  map[string]*reach
	files map[entry]map[string]*reach
}

// reach is a set with its selectors solved.
type reach struct {
	set              *v1beta1.SidecarSet
	pods, namespaces selectors.Selector
}

// NewStored returns an empty collection.
func NewStored() *Stored {
	return &Stored{sets: map[string]*reach{}, files: map[entry]map[string]*reach{}}
}

func reachOf(set *v1beta1.SidecarSet) (*reach, error) {
	out := &reach{set: set, pods: selectors.Nothing()}
	var err error
	if set.Spec.Selector != nil && !fields.IsEmpty(set.Spec.Selector) {
		if out.pods, err = selectors.Compile(set.Spec.Selector); err != nil {
			return nil, fmt.Errorf("SidecarSet %s: spec.selector: %w", set.Name, err)
		}
	}
	if set.Spec.Namespace != "" {
		out.namespaces = selectors.Namespace(set.Spec.Namespace)
	} else if out.namespaces, err = selectors.Namespaces(set.Spec.NamespaceSelector); err != nil {
		return nil, fmt.Errorf("SidecarSet %s: spec.namespaceSelector: %w", set.Name, err)
	}
	return out, nil
}

// meets reports whether there can be a Pod that both sets are for.
func (r *reach) meets(other *reach) bool {
	return r.pods.Overlap(other.pods) && r.namespaces.Overlap(other.namespaces)
}

// Get returns the set of this name, or nil.
func (s *Stored) Get(name string) *v1beta1.SidecarSet {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if found := s.sets[name]; found != nil {
		return found.set
	}
	return nil
}

// Put adds a set or replaces the one of the same name. It fails when a selector cannot be understood; such a set is
// left out, as it is for no Pod.
func (s *Stored) Put(set *v1beta1.SidecarSet) error {
	added, err := reachOf(set)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(set.Name)
	if err != nil {
		return err
	}
	s.file(added)
	return nil
}

func (s *Stored) file(r *reach) {
	s.sets[r.set.Name] = r
	for _, c := range entriesOf(&r.set.Spec) {
		if s.files[c.entry] == nil {
			s.files[c.entry] = map[string]*reach{}
		}
		s.files[c.entry][r.set.Name] = r
	}
}

// Renew replaces a set that is known by a later state of it with the same spec, so that the former is not kept.
func (s *Stored) Renew(set *v1beta1.SidecarSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.sets[set.Name]; known != nil {
		s.file(&reach{set: set, pods: known.pods, namespaces: known.namespaces})
	}
}

// Delete removes the set of this name, if there is one.
func (s *Stored) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(name)
}

func (s *Stored) remove(name string) {
	old := s.sets[name]
	if old == nil {
		return
	}
	delete(s.sets, name)
	for _, c := range entriesOf(&old.set.Spec) {
		delete(s.files[c.entry], name)
		if len(s.files[c.entry]) == 0 {
			delete(s.files, c.entry)
		}
	}
}

// each calls visit for every set that brings the entry, in no particular order.
func (s *Stored) each(c entry, visit func(*reach)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, found := range s.files[c] {
		visit(found)
	}
}
