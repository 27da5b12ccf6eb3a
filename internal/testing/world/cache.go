// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/podcache"
)

// Reader reads from a set of objects as a client does.
type Reader struct {
	t       testing.TB
	objects map[string]map[Key]client.Object
	indexes map[string]map[string]client.IndexerFunc
}

// Live reads what is stored, past every cache.
func (s *Store) Live() *Reader { return &Reader{t: s.T, objects: s.objects} }

// Get reads one object.
func (r *Reader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	r.t.Helper()
	kind := gvkOf(r.t, into).Kind
	object := r.objects[kind][key]
	if object == nil {
		return apierrors.NewNotFound(ResourceOf(kind), key.Name)
	}
	copyTo(r.t, object, into)
	return nil
}

// List reads the objects that are asked for, by namespace and name. As from a cache, they share memory with it where
// the caller says that it can bear that.
func (r *Reader) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	r.t.Helper()
	kind, o := gvkOf(r.t, list).Kind, (&client.ListOptions{}).ApplyOptions(options)
	items := reflect.ValueOf(list).Elem().FieldByName("Items")
	share := o.UnsafeDisableDeepCopy != nil && *o.UnsafeDisableDeepCopy
	for _, key := range sortedKeys(r.objects[kind]) {
		object := r.objects[kind][key]
		if o.Namespace != "" && key.Namespace != o.Namespace || !r.selected(kind, object, o) {
			continue
		}
		if whole := reflect.ValueOf(object).Elem(); share && whole.Type() == items.Type().Elem() {
			items.Set(reflect.Append(items, whole))
			continue
		}
		item := reflect.New(items.Type().Elem())
		copyTo(r.t, object, item.Interface().(client.Object))
		items.Set(reflect.Append(items, item.Elem()))
	}
	return nil
}

func sortedKeys(objects map[Key]client.Object) []Key {
	keys := make([]Key, 0, len(objects))
	for key := range objects {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name)) })
	return keys
}

func (r *Reader) selected(kind string, object client.Object, o *client.ListOptions) bool {
	r.t.Helper()
	if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(object.GetLabels())) {
		return false
	}
	if o.FieldSelector == nil {
		return true
	}
	for _, requirement := range o.FieldSelector.Requirements() {
		index := r.indexes[kind][requirement.Field]
		if index == nil {
			r.t.Fatalf("there is no index %s of %s", requirement.Field, kind)
		}
		if !slices.Contains(index(object), requirement.Value) {
			return false
		}
	}
	return true
}

// Cache is a client.Reader over what watches have delivered: for each kind a state that the store was once in, trimmed
// as in the program.
type Cache struct {
	Reader
	// Deaf keeps the cache from learning anything: its watches are broken.
	Deaf bool
	// Trims are the transforms of the program's cache, one after the other.
	Trims []func(any) (any, error)
	// Shown are told of each change when the cache shows it, in trimmed form.
	Shown []func(Event)

	pending map[string][]Event
	// owed is how many of the pending changes the next read of a kind has to have seen: those of our own writes.
	owed map[string]int
}

// NewCache is a cache of what happens to a store from now on, with the indexes of podcache.
func NewCache(s *Store, trims ...func(any) (any, error)) *Cache {
	c := &Cache{
		Trims:   append([]func(any) (any, error){podcache.TrimOwned, podcache.TrimNode}, trims...),
		Reader:  Reader{t: s.T, objects: map[string]map[Key]client.Object{}, indexes: map[string]map[string]client.IndexerFunc{}},
		pending: map[string][]Event{}, owed: map[string]int{},
	}
	for name, keys := range map[string]func(client.Object) []string{
		podcache.ControllerIndex: func(o client.Object) []string { return podcache.ControllerUID(o) },
		podcache.OrphanIndex:     func(o client.Object) []string { return podcache.OrphanParent(o) },
		podcache.PullerIndex:     func(o client.Object) []string { return podcache.PullerOwner(o) },
	} {
		_ = c.IndexField(context.Background(), &corev1.Pod{}, name, keys)
	}
	s.Watchers = append(s.Watchers, func(e Event) { c.pending[e.Kind] = append(c.pending[e.Kind], e) })
	return c
}

// IndexField makes the cache a client.FieldIndexer.
func (c *Cache) IndexField(_ context.Context, object client.Object, field string, index client.IndexerFunc) error {
	kind := gvkOf(c.t, object).Kind
	if c.indexes[kind] == nil {
		c.indexes[kind] = map[string]client.IndexerFunc{}
	}
	c.indexes[kind][field] = index
	return nil
}

// Pending is how many changes of a kind the cache does not show yet.
func (c *Cache) Pending(kind string) int { return len(c.pending[kind]) }

// Objects are those of a kind that the cache shows, by namespace and name.
func (c *Cache) Objects(kind string) []client.Object {
	out := make([]client.Object, 0, len(c.objects[kind]))
	for _, key := range sortedKeys(c.objects[kind]) {
		out = append(out, c.objects[kind][key])
	}
	return out
}

// Owe lets the next read of a kind see all that has happened to it so far.
func (c *Cache) Owe(kind string) { c.owed[kind] = len(c.pending[kind]) }

// Deliver shows the next count changes of a kind.
func (c *Cache) Deliver(kind string, count int) {
	if c.Deaf {
		return
	}
	count = min(count, len(c.pending[kind]))
	for _, e := range c.pending[kind][:count] {
		c.show(e)
	}
	c.pending[kind] = c.pending[kind][count:]
	c.owed[kind] = max(0, c.owed[kind]-count)
}

func (c *Cache) show(e Event) {
	if c.objects[e.Kind] == nil {
		c.objects[e.Kind] = map[Key]client.Object{}
	}
	e.Before = c.objects[e.Kind][e.Key]
	if e.After == nil {
		delete(c.objects[e.Kind], e.Key)
	} else {
		e.After = c.trimmed(e.After)
		c.objects[e.Kind][e.Key] = e.After
	}
	if e.Before == nil && e.After == nil {
		return
	}
	for _, shown := range c.Shown {
		shown(e)
	}
}

// DeliverAll shows all changes of some kinds.
func (c *Cache) DeliverAll(kinds ...string) {
	for _, kind := range kinds {
		c.Deliver(kind, len(c.pending[kind]))
	}
}

// Sync shows everything.
func (c *Cache) Sync() { c.DeliverAll(c.Kinds()...) }

// Kinds are those of which something is to be shown.
func (c *Cache) Kinds() []string {
	var out []string
	for kind, pending := range c.pending {
		if len(pending) > 0 {
			out = append(out, kind)
		}
	}
	slices.Sort(out)
	return out
}

func (c *Cache) trimmed(object client.Object) client.Object {
	var out any = object.DeepCopyObject()
	for _, trim := range c.Trims {
		trimmed, err := trim(out)
		if err != nil {
			c.t.Fatal(err)
		}
		out = trimmed
	}
	return out.(client.Object)
}

// Get reads one object, after what is owed.
func (c *Cache) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if err := c.wait(ctx, gvkOf(c.t, into).Kind); err != nil {
		return err
	}
	return c.Reader.Get(ctx, key, into, options...)
}

// List reads objects, after what is owed.
func (c *Cache) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := c.wait(ctx, gvkOf(c.t, list).Kind); err != nil {
		return err
	}
	return c.Reader.List(ctx, list, options...)
}

// wait is for our own writes to be seen. With a broken watch that takes longer than anybody waits.
func (c *Cache) wait(ctx context.Context, kind string) error {
	if c.owed[kind] == 0 {
		return ctx.Err()
	}
	if c.Deaf {
		return fmt.Errorf("wait for our own write of a %s: %w", kind, context.DeadlineExceeded)
	}
	c.Deliver(kind, c.owed[kind])
	return ctx.Err()
}

// Unmodified returns an object of the cache that somebody has written into, "" when there is none. The cache must show
// everything.
func (c *Cache) Unmodified(s *Store) string {
	for kind, objects := range c.objects {
		for key, object := range objects {
			if stored := s.objects[kind][key]; stored == nil || !reflect.DeepEqual(c.trimmed(stored), object) {
				return kind + " " + key.String()
			}
		}
	}
	return ""
}
