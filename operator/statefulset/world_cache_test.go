// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"maps"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
)

// happening is a change that a cache has still to learn of; object is nil when it is gone.
type happening struct {
	name   string
	object client.Object
}

// fakeCache is a client.Reader over what a watch has delivered: for each kind a state that the store was once in,
// trimmed as in the program.
type fakeCache struct {
	t       testing.TB
	objects map[string]map[string]client.Object
	pending map[string][]happening
	indexes map[string]map[string]client.IndexerFunc
}

func newCache(t testing.TB) *fakeCache {
	t.Helper()
	c := &fakeCache{
		t: t, objects: map[string]map[string]client.Object{}, pending: map[string][]happening{},
		indexes: map[string]map[string]client.IndexerFunc{podKind: {
			podcache.ControllerIndex: func(o client.Object) []string { return podcache.ControllerUID(o) },
			podcache.OrphanIndex:     func(o client.Object) []string { return podcache.OrphanParent(o) },
		}},
	}
	if err := AddIndexes(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// IndexField makes the cache a client.FieldIndexer.
func (c *fakeCache) IndexField(_ context.Context, object client.Object, field string, index client.IndexerFunc) error {
	kind := kindOf(c.t, object)
	if c.indexes[kind] == nil {
		c.indexes[kind] = map[string]client.IndexerFunc{}
	}
	c.indexes[kind][field] = index
	return nil
}

// hear notes a change that the cache does not show yet.
func (c *fakeCache) hear(kind, name string, object client.Object) {
	c.pending[kind] = append(c.pending[kind], happening{name, object})
}

// deliver shows the next count changes of a kind.
func (c *fakeCache) deliver(kind string, count int) {
	count = min(count, len(c.pending[kind]))
	for _, e := range c.pending[kind][:count] {
		if c.objects[kind] == nil {
			c.objects[kind] = map[string]client.Object{}
		}
		if e.object == nil {
			delete(c.objects[kind], e.name)
			continue
		}
		c.objects[kind][e.name] = c.trimmed(e.object)
	}
	c.pending[kind] = c.pending[kind][count:]
}

func (c *fakeCache) deliverAll(kinds ...string) {
	for _, kind := range kinds {
		c.deliver(kind, len(c.pending[kind]))
	}
}

// sync shows everything.
func (c *fakeCache) sync() { c.deliverAll(podKind, claimKind, revisionKind, setKind, classKind) }

func (c *fakeCache) trimmed(object client.Object) client.Object {
	object = object.DeepCopyObject().(client.Object)
	for _, trim := range []func(any) (any, error){podcache.Trim, TrimClaim, TrimRevision} {
		out, err := trim(object)
		if err != nil {
			c.t.Fatal(err)
		}
		object = out.(client.Object)
	}
	return object
}

// Get reads one object.
func (c *fakeCache) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	kind := kindOf(c.t, into)
	object := c.objects[kind][key.Name]
	if object == nil {
		return apierrors.NewNotFound(resourceOf(kind), key.Name)
	}
	switch into := into.(type) {
	case *v1beta1.StatefulSet:
		object.(*v1beta1.StatefulSet).DeepCopyInto(into)
	case *corev1.Pod:
		object.(*corev1.Pod).DeepCopyInto(into)
	default:
		c.t.Fatalf("nobody gets a %s", kind)
	}
	return nil
}

// List reads the objects that an index has under a value.
func (c *fakeCache) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	kind, o := kindOf(c.t, list), (&client.ListOptions{}).ApplyOptions(options)
	for _, name := range slices.Sorted(maps.Keys(c.objects[kind])) {
		object := c.objects[kind][name]
		if o.FieldSelector != nil && !c.selected(kind, object, o) {
			continue
		}
		switch list := list.(type) {
		case *corev1.PodList:
			list.Items = append(list.Items, *object.(*corev1.Pod))
		case *corev1.PersistentVolumeClaimList:
			list.Items = append(list.Items, *object.(*corev1.PersistentVolumeClaim))
		case *appsv1.ControllerRevisionList:
			list.Items = append(list.Items, *object.(*appsv1.ControllerRevision))
		case *storagev1.StorageClassList:
			list.Items = append(list.Items, *object.(*storagev1.StorageClass))
		}
	}
	return nil
}

func (c *fakeCache) selected(kind string, object client.Object, o *client.ListOptions) bool {
	for _, r := range o.FieldSelector.Requirements() {
		index := c.indexes[kind][r.Field]
		if index == nil {
			c.t.Fatalf("there is no index %s of %s", r.Field, kind)
		}
		if !slices.Contains(index(object), r.Value) {
			return false
		}
	}
	return true
}

// liveReader reads a set from the store, past the cache.
type liveReader struct {
	client.Reader
	store *store
}

// Get reads the metadata of a set.
func (l liveReader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	set := l.store.set(key.Name)
	if set == nil {
		return apierrors.NewNotFound(resourceOf(setKind), key.Name)
	}
	into.(*metav1.PartialObjectMetadata).ObjectMeta = *set.ObjectMeta.DeepCopy()
	return nil
}
