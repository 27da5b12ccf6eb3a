// SPDX-License-Identifier: Apache-2.0

// Package follow keeps what the handlers know of the cluster current by watches, and says which of them have not
// brought everything yet.
package follow

import (
	"context"
	"fmt"
	"net/http"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Into takes in the objects of a watch, one after the other.
type Into[T client.Object] struct {
	// Put is called for every object that is new or has changed. It does not modify it.
	Put func(T)
	// Delete is called for every object that is gone, with the last state of it that is known.
	Delete func(T)
}

// Watch is a watch of all objects of one kind.
type Watch struct {
	// plural is what messages call the objects.
	plural string
	synced toolscache.InformerSynced
}

// Start watches the objects of a kind through a cache that is started later.
func Start[T client.Object](ctx context.Context, c cache.Cache, plural string, kind T, into Into[T]) (*Watch, error) {
	informer, err := c.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", plural, err)
	}
	registration, err := informer.AddEventHandler(into.handlers())
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", plural, err)
	}
	return &Watch{plural, registration.HasSynced}, nil
}

// Cached has a cache that is started later watch the objects of a kind, for those who read them from there.
func Cached(ctx context.Context, c cache.Cache, plural string, kind client.Object) (*Watch, error) {
	informer, err := c.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", plural, err)
	}
	return &Watch{plural, informer.HasSynced}, nil
}

// Synced says whether all objects that there were at the beginning are known.
func (w *Watch) Synced() error {
	if !w.synced() {
		return fmt.Errorf("%s are still being read", w.plural)
	}
	return nil
}

// Check is Synced, for /readyz.
func (w *Watch) Check(*http.Request) error { return w.Synced() }

func (into Into[T]) handlers() toolscache.ResourceEventHandler {
	put := func(object any) {
		if known, ok := object.(T); ok {
			into.Put(known)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, object any) { put(object) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok { // the watch did not hear of its deletion
				object = unknown.Obj
			}
			if known, ok := object.(T); ok {
				into.Delete(known)
			}
		},
	}
}
