// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"iter"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Index finds the sets that may match a Pod without asking every set. A set is filed under one label requirement that a
// Pod must fulfil to match (or under the one namespace it reaches), so a Pod is only compared with the sets filed under
// a label that it has. The cost for a Pod that nothing matches does not grow with the number of sets.
//
// It is safe for concurrent use.
type Index struct {
	mu    sync.RWMutex
	sets  map[string]*Set
	files map[pair][]*Set
	// unfiled holds sets whose selector names no value that a Pod must have, such as one of only Exists or NotIn.
	unfiled map[string]*Set
}

// pair is a label and its value, or a namespace under the key namespaceKey.
type pair struct{ key, value string }

// namespaceKey cannot be a label's key.
const namespaceKey = "\x00namespace"

// NewIndex returns an empty index.
func NewIndex() *Index {
	return &Index{sets: map[string]*Set{}, files: map[pair][]*Set{}, unfiled: map[string]*Set{}}
}

// Get returns the set with this name, or nil.
func (ix *Index) Get(name string) *Set {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.sets[name]
}

// Names lists all sets in the index, in no particular order.
func (ix *Index) Names() []string {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return slices.Collect(maps.Keys(ix.sets))
}

// Put adds a set or replaces the one of the same name.
func (ix *Index) Put(set *Set) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.remove(set.Name())
	ix.sets[set.Name()] = set
	pairs := ix.cheapest(required(set))
	if pairs == nil {
		ix.unfiled[set.Name()] = set
		return
	}
	for _, p := range pairs {
		if file := ix.files[p]; len(file) == 0 || file[len(file)-1] != set { // a selector may name a value twice
			ix.files[p] = append(file, set)
		}
	}
}

// Renew replaces the object of a set that is known by a later state of it, of which only what gets into no Pod has changed.
func (ix *Index) Renew(object *v1beta1.SidecarSet) {
	if known := ix.Get(object.Name); known != nil {
		ix.Put(known.Renewed(object))
	}
}

// Delete removes the set with this name, if there is one.
func (ix *Index) Delete(name string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.remove(name)
}

func (ix *Index) remove(name string) {
	old := ix.sets[name]
	if old == nil {
		return
	}
	delete(ix.sets, name)
	delete(ix.unfiled, name)
	for _, pairs := range required(old) {
		for _, p := range pairs {
			ix.unfile(p, old)
		}
	}
}

// unfile takes a set out of one file, if it is there. Most files have few sets: see cheapest.
func (ix *Index) unfile(p pair, set *Set) {
	left := slices.DeleteFunc(ix.files[p], func(other *Set) bool { return other == set })
	if len(left) == 0 {
		delete(ix.files, p)
		return
	}
	ix.files[p] = left
}

// Candidates lists every set whose selector matches a Pod with these labels in this namespace, in no particular order;
// nil when there is none. The namespace's own labels are for the caller to compare: see Set.MatchesNamespace.
func (ix *Index) Candidates(namespace string, podLabels map[string]string) []*Set {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	out := appendMatching(nil, maps.Values(ix.unfiled), podLabels)
	out = appendMatching(out, slices.Values(ix.files[pair{namespaceKey, namespace}]), podLabels)
	for key, value := range podLabels {
		out = appendMatching(out, slices.Values(ix.files[pair{key, value}]), podLabels)
	}
	return out
}

func appendMatching(out []*Set, sets iter.Seq[*Set], podLabels map[string]string) []*Set {
	for set := range sets {
		if set.MatchesPod(podLabels) {
			out = append(out, set)
		}
	}
	return out
}

// cheapest picks the requirement under which the fewest sets are filed so far, so that a label that all sets share does
// not become one long file.
func (ix *Index) cheapest(requirements [][]pair) []pair {
	if len(requirements) == 0 {
		return nil
	}
	weigh := func(pairs []pair) (weight int) {
		for _, p := range pairs {
			weight += 1 + len(ix.files[p])
		}
		return weight
	}
	return slices.MinFunc(requirements, func(a, b []pair) int { return weigh(a) - weigh(b) })
}

// required lists, for each requirement of a set that demands one of a few values, those values.
func required(set *Set) [][]pair {
	var out [][]pair
	if namespace := onlyNamespace(set); namespace != "" {
		out = append(out, []pair{{namespaceKey, namespace}})
	}
	return append(out, requiredLabels(set.Spec.Selector)...)
}

func requiredLabels(selector *metav1.LabelSelector) [][]pair {
	if selector == nil {
		return nil
	}
	var out [][]pair
	for key, value := range selector.MatchLabels {
		out = append(out, []pair{{key, value}})
	}
	for _, e := range selector.MatchExpressions {
		if e.Operator != metav1.LabelSelectorOpIn {
			continue
		}
		pairs := make([]pair, 0, len(e.Values))
		for _, value := range e.Values {
			pairs = append(pairs, pair{e.Key, value})
		}
		out = append(out, pairs)
	}
	return out
}

// onlyNamespace names the one namespace that a set reaches, if it is plain.
func onlyNamespace(set *Set) string {
	if set.Spec.Namespace != "" {
		return set.Spec.Namespace
	}
	if set.Spec.NamespaceSelector == nil {
		return ""
	}
	return set.Spec.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]
}
