// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// entry is what a watch needs to know of a SchedPatch.
type entry struct {
	target sched.Target
	// nodes: the status says for which nodes new Pods are.
	nodes bool
}

// registry tells which SchedPatches a Pod, an owner, a namespace or a node concerns. It follows the watch of
// SchedPatches.
type registry struct {
	mu sync.RWMutex
	// known holds the SchedPatches by namespace and name.
	known map[string]map[string]entry
}

func newRegistry() *registry { return &registry{known: map[string]map[string]entry{}} }

func (r *registry) put(key types.NamespacedName, e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[key.Namespace] == nil {
		r.known[key.Namespace] = map[string]entry{}
	}
	r.known[key.Namespace][key.Name] = e
}

func (r *registry) delete(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known[key.Namespace], key.Name)
	if len(r.known[key.Namespace]) == 0 {
		delete(r.known, key.Namespace)
	}
}

// has reports whether a namespace has SchedPatches.
func (r *registry) has(namespace string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.known[namespace]) > 0
}

// inNamespace lists the SchedPatches of a namespace.
func (r *registry) inNamespace(namespace string) []types.NamespacedName {
	return r.list(namespace, func(entry) bool { return true })
}

// targeting lists the SchedPatches of a workload.
func (r *registry) targeting(namespace string, target sched.Target) []types.NamespacedName {
	return r.list(namespace, func(e entry) bool { return e.target == target })
}

// askingNodes lists the SchedPatches whose status speaks of nodes.
func (r *registry) askingNodes() []types.NamespacedName {
	r.mu.RLock()
	namespaces := slices.Collect(maps.Keys(r.known))
	r.mu.RUnlock()
	var out []types.NamespacedName
	for _, namespace := range namespaces {
		out = append(out, r.list(namespace, func(e entry) bool { return e.nodes })...)
	}
	return out
}

func (r *registry) list(namespace string, matches func(entry) bool) []types.NamespacedName {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []types.NamespacedName
	for name, e := range r.known[namespace] {
		if matches(e) {
			out = append(out, types.NamespacedName{Namespace: namespace, Name: name})
		}
	}
	return out
}
