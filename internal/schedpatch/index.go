// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Index finds the patches for the Pods of a workload by its namespace, kind and name. The cost does not grow with the
// number of patches.
//
// It is safe for concurrent use.
type Index struct {
	mu         sync.RWMutex
	patches    map[types.NamespacedName]*Patch
	namespaces map[string]*namespaceIndex
}

type namespaceIndex struct {
	targets map[Target]map[string]*Patch
	// kinds counts the patches by the kind of their target.
	kinds map[schema.GroupKind]int
}

// NewIndex returns an empty index.
func NewIndex() *Index {
	return &Index{patches: map[types.NamespacedName]*Patch{}, namespaces: map[string]*namespaceIndex{}}
}

// Get returns the patch of this namespace and name, or nil.
func (ix *Index) Get(key types.NamespacedName) *Patch {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.patches[key]
}

// Put adds a patch or replaces the one of the same namespace and name.
func (ix *Index) Put(patch *Patch) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	key := types.NamespacedName{Namespace: patch.Namespace(), Name: patch.Name()}
	ix.remove(key)
	ix.patches[key] = patch
	in := ix.namespaces[key.Namespace]
	if in == nil {
		in = &namespaceIndex{targets: map[Target]map[string]*Patch{}, kinds: map[schema.GroupKind]int{}}
		ix.namespaces[key.Namespace] = in
	}
	if in.targets[patch.target] == nil {
		in.targets[patch.target] = map[string]*Patch{}
	}
	in.targets[patch.target][key.Name] = patch
	in.kinds[patch.target.GroupKind]++
}

// Delete removes the patch of this namespace and name, if there is one.
func (ix *Index) Delete(key types.NamespacedName) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.remove(key)
}

func (ix *Index) remove(key types.NamespacedName) {
	old := ix.patches[key]
	if old == nil {
		return
	}
	delete(ix.patches, key)
	in := ix.namespaces[key.Namespace]
	delete(in.targets[old.target], key.Name)
	if len(in.targets[old.target]) == 0 {
		delete(in.targets, old.target)
	}
	if in.kinds[old.target.GroupKind]--; in.kinds[old.target.GroupKind] == 0 {
		delete(in.kinds, old.target.GroupKind)
	}
	if len(in.targets) == 0 {
		delete(ix.namespaces, key.Namespace)
	}
}

// Has reports whether the namespace has any patch at all.
func (ix *Index) Has(namespace string) bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.namespaces[namespace] != nil
}

// For lists the patches whose target is this workload, in the order in which they are applied; nil when there is none.
// Selector, mode and end of each are for the caller to ask.
func (ix *Index) For(namespace string, target Target) []*Patch {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	in := ix.namespaces[namespace]
	if in == nil || len(in.targets[target]) == 0 {
		return nil
	}
	return slices.SortedFunc(maps.Values(in.targets[target]), Compare)
}

// Through reports whether a patch of the namespace may be for the owner of an owner of this kind. Only then does it
// matter who that is.
func (ix *Index) Through(namespace string, owner schema.GroupKind) bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	in := ix.namespaces[namespace]
	if in == nil {
		return false
	}
	for kind := range in.kinds {
		if MayOwnThrough(kind, owner) {
			return true
		}
	}
	return false
}

// AllThrough lists the patches of the namespace that may be for the owner of an owner of this kind, in the order in
// which they are applied.
func (ix *Index) AllThrough(namespace string, owner schema.GroupKind) []*Patch {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	in := ix.namespaces[namespace]
	if in == nil {
		return nil
	}
	var out []*Patch
	for target, patches := range in.targets {
		if MayOwnThrough(target.GroupKind, owner) {
			out = slices.AppendSeq(out, maps.Values(patches))
		}
	}
	slices.SortFunc(out, Compare)
	return out
}
