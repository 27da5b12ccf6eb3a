// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"iter"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// entry is what a watch needs to know of a SchedPatch.
type entry struct {
	target sched.Target
	// nodes: the status says for which nodes new Pods are.
	nodes bool
}

// registry tells which SchedPatches a Pod, an owner, a namespace or a node concerns. It follows the watch of
// SchedPatches. What it costs to find those of a workload does not grow with the number of the others.
type registry struct {
	mu sync.RWMutex
	// known are the SchedPatches by namespace.
	known map[string]*neighbours
}

// neighbours are the SchedPatches of a namespace.
type neighbours struct {
	// entries are by the name of the SchedPatch, and names are these names by target.
	entries map[string]entry
	names   map[sched.Target]sets.Set[string]
}

func newRegistry() *registry { return &registry{known: map[string]*neighbours{}} }

func (r *registry) put(key types.NamespacedName, e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(key)
	in := r.known[key.Namespace]
	if in == nil {
		in = &neighbours{entries: map[string]entry{}, names: map[sched.Target]sets.Set[string]{}}
		r.known[key.Namespace] = in
	}
	in.entries[key.Name] = e
	if in.names[e.target] == nil {
		in.names[e.target] = sets.Set[string]{}
	}
	in.names[e.target].Insert(key.Name)
}

func (r *registry) delete(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(key)
}

func (r *registry) remove(key types.NamespacedName) {
	in := r.known[key.Namespace]
	if in == nil {
		return
	}
	e, ok := in.entries[key.Name]
	if !ok {
		return
	}
	delete(in.entries, key.Name)
	if in.names[e.target].Delete(key.Name); len(in.names[e.target]) == 0 {
		delete(in.names, e.target)
	}
	if len(in.entries) == 0 {
		delete(r.known, key.Namespace)
	}
}

// has reports whether a namespace has SchedPatches.
func (r *registry) has(namespace string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.known[namespace] != nil
}

// inNamespace lists the SchedPatches of a namespace.
func (r *registry) inNamespace(namespace string) []types.NamespacedName {
	r.mu.RLock()
	defer r.mu.RUnlock()
	in := r.known[namespace]
	if in == nil {
		return nil
	}
	return keys(namespace, maps.Keys(in.entries))
}

// targeting lists the SchedPatches of a workload.
func (r *registry) targeting(namespace string, target sched.Target) []types.NamespacedName {
	r.mu.RLock()
	defer r.mu.RUnlock()
	in := r.known[namespace]
	if in == nil {
		return nil
	}
	return keys(namespace, maps.Keys(in.names[target]))
}

// askingNodes lists the SchedPatches whose status speaks of nodes.
func (r *registry) askingNodes() []types.NamespacedName {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []types.NamespacedName
	for namespace, in := range r.known {
		for name, e := range in.entries {
			if e.nodes {
				out = append(out, types.NamespacedName{Namespace: namespace, Name: name})
			}
		}
	}
	return out
}

func keys(namespace string, names iter.Seq[string]) (out []types.NamespacedName) {
	for name := range names {
		out = append(out, types.NamespacedName{Namespace: namespace, Name: name})
	}
	return out
}
