// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

// Write is one write that changed anything of an object: it has another resourceVersion than before.
type Write struct {
	// At is when it was seen here.
	At time.Time
	// Before is nil for an object that was created, After for one that is gone. Nobody may modify them.
	Before, After *unstructured.Unstructured
}

// Object is the object as it was last.
func (w *Write) Object() *unstructured.Unstructured {
	if w.After == nil {
		return w.Before
	}
	return w.After
}

// String names the object and tells what was done to it, with a diff for a change. It shows nothing that a Secret
// holds.
func (w *Write) String() string {
	object := w.Object()
	name := fmt.Sprintf("%s %s %s", w.At.Format(time.TimeOnly), object.GetKind(), strings.TrimPrefix(object.GetNamespace()+"/"+object.GetName(), "/"))
	switch {
	case w.Before == nil:
		return name + " was created"
	case w.After == nil:
		return name + " was deleted"
	}
	return fmt.Sprintf("%s was changed, last by %s:\n%s", name, lastManager(w.After), cmp.Diff(legible(w.Before), legible(w.After)))
}

// lastManager is the field manager that wrote last.
func lastManager(object *unstructured.Unstructured) string {
	fields := object.GetManagedFields()
	if len(fields) == 0 {
		return "nobody who is recorded"
	}
	last := slices.MaxFunc(fields, func(a, b metav1.ManagedFieldsEntry) int {
		if a.Time.Before(b.Time) {
			return -1
		}
		return 1
	})
	return strings.TrimSuffix(last.Manager+"/"+last.Subresource, "/")
}

// legible is an object without what only machines read, and without secrets.
func legible(object *unstructured.Unstructured) map[string]any {
	shown := object.DeepCopy()
	shown.SetManagedFields(nil)
	if shown.GetKind() == "Secret" {
		unstructured.RemoveNestedField(shown.Object, "data")
	}
	return shown.Object
}

// Resources lists all that the API server has of what can be watched, each once and at its preferred version, but for
// those that are named as kubectl names them: "leases.coordination.k8s.io", "nodes".
func (c *Cluster) Resources(except ...string) ([]schema.GroupVersionResource, error) {
	lists, err := c.Clientset.Discovery().ServerPreferredResources()
	if err != nil {
		return nil, fmt.Errorf("ask for the kinds of objects there are: %w", err)
	}
	found := map[schema.GroupVersionResource]bool{}
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "watch"}}, lists) {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("read the group and version of a kind: %w", err)
		}
		for i := range list.APIResources {
			resource := version.WithResource(list.APIResources[i].Name)
			if !slices.Contains(except, resource.GroupResource().String()) {
				found[resource] = true
			}
		}
	}
	resources := make([]schema.GroupVersionResource, 0, len(found))
	for resource := range found {
		resources = append(resources, resource)
	}
	return resources, nil
}

// WriteHistory follows objects and remembers every write to them.
type WriteHistory struct {
	follow  func(*unstructured.Unstructured) bool
	watches []watch.Interface
	done    sync.WaitGroup

	mu       sync.Mutex
	stopping bool
	objects  map[types.UID]*unstructured.Unstructured
	writes   []Write
	broken   []error
}

// RecordWrites follows all objects of some kinds for which the function is true until Stop is called. Being there
// already is not a write.
func (c *Cluster) RecordWrites(ctx context.Context, resources []schema.GroupVersionResource, follow func(*unstructured.Unstructured) bool) (*WriteHistory, error) {
	reader, err := dynamic.NewForConfig(c.Config)
	if err != nil {
		return nil, fmt.Errorf("client for %s: %w", c.Config.Host, err)
	}
	h := &WriteHistory{follow: follow, objects: map[types.UID]*unstructured.Unstructured{}}
	for _, resource := range resources {
		if err := h.record(ctx, reader.Resource(resource), resource.GroupResource().String()); err != nil {
			_, _ = h.Stop()
			return nil, err
		}
	}
	return h, nil
}

func (h *WriteHistory) record(ctx context.Context, reader dynamic.ResourceInterface, name string) error {
	list, err := reader.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list %s: %w", name, err)
	}
	h.mu.Lock()
	for i := range list.Items {
		h.objects[list.Items[i].GetUID()] = &list.Items[i]
	}
	h.mu.Unlock()
	follower, err := reader.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		return fmt.Errorf("watch %s: %w", name, err)
	}
	h.watches = append(h.watches, follower)
	h.done.Go(func() { h.listen(follower, name) })
	return nil
}

func (h *WriteHistory) listen(follower watch.Interface, name string) {
	for event := range follower.ResultChan() {
		if object, ok := event.Object.(*unstructured.Unstructured); ok && event.Type != watch.Error {
			h.note(event.Type, object)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.stopping {
		h.broken = append(h.broken, fmt.Errorf("the watch on %s broke off", name))
	}
}

func (h *WriteHistory) note(kind watch.EventType, object *unstructured.Unstructured) {
	h.mu.Lock()
	defer h.mu.Unlock()
	write := Write{At: time.Now(), Before: h.objects[object.GetUID()], After: object}
	h.objects[object.GetUID()] = object
	if kind == watch.Deleted {
		write.Before, write.After = object, nil
		delete(h.objects, object.GetUID())
	}
	if h.follow(object) {
		h.writes = append(h.writes, write)
	}
}

// Stop ends the recording and returns all writes in the order in which they were seen. It fails when a watch had broken
// off before, since then writes may have gone unseen.
func (h *WriteHistory) Stop() ([]Write, error) {
	h.mu.Lock()
	h.stopping = true
	h.mu.Unlock()
	for _, follower := range h.watches {
		follower.Stop()
	}
	h.done.Wait()
	return h.writes, errors.Join(h.broken...)
}
