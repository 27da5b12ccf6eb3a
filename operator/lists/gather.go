// SPDX-License-Identifier: Apache-2.0

// Package lists answers what gatherers ask of the operator's cache in programs that have no cache: from plain lists, each
// read once, in which objects are trimmed and found as in the cache. So what such a program gathers is what the operator
// would gather.
package lists

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/operator/sidecarset"
	"github.com/windlass-operator/windlass/operator/statefulset"
	"github.com/windlass-operator/windlass/operator/wiring"
)

// inPages is how many objects the API server is asked for at a time.
const inPages = 500

// Reader answers from lists. It is for one goroutine. What it returns is its own: nobody may write into it.
type Reader struct {
	live    client.Reader
	trims   map[reflect.Type]cache.TransformFunc
	trim    cache.TransformFunc
	indexes map[index]client.IndexerFunc
	// kept are the lists that were read, denied the errors of those that may not be, and unread those of what is done
	// without.
	kept   map[place][]client.Object
	denied map[place]error
	unread []error
}

// index is one of the cache's.
type index struct {
	kind  reflect.Type
	field string
}

// place is what was listed: all objects of a kind in a namespace, or in all where it is "".
type place struct {
	kind      reflect.Type
	namespace string
}

var _ client.Reader = &Reader{}

// NewReader reads from a client that asks the API server itself.
func NewReader(ctx context.Context, live client.Reader) (*Reader, error) {
	options := wiring.Cache()
	r := &Reader{
		live: live, trims: map[reflect.Type]cache.TransformFunc{}, trim: options.DefaultTransform,
		indexes: map[index]client.IndexerFunc{}, kept: map[place][]client.Object{}, denied: map[place]error{},
	}
	for object, by := range options.ByObject {
		r.trims[reflect.TypeOf(object)] = by.Transform
	}
	for _, add := range []func(context.Context, client.FieldIndexer) error{
		wiring.IndexPods, sidecarset.AddIndexes, statefulset.AddIndexes,
	} {
		if err := add(ctx, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// IndexField takes in an index as a cache does.
func (r *Reader) IndexField(_ context.Context, object client.Object, field string, keys client.IndexerFunc) error {
	r.indexes[index{reflect.TypeOf(object), field}] = keys
	return nil
}

// Unread are the errors of what the user may not read, and does without.
func (r *Reader) Unread() []error { return r.unread }

// dispensable are the kinds that everything goes on without where the user may not list them.
var dispensable = map[reflect.Type]string{
	reflect.TypeFor[*corev1.Node]():                  "nodes, so what depends on them and on their kubelets is not known",
	reflect.TypeFor[*policyv1.PodDisruptionBudget](): "PodDisruptionBudgets, so what they hold up is not known",
	reflect.TypeFor[*storagev1.StorageClass]():       "StorageClasses, so whether claims can grow is not known",
}

// together are the kinds of which all are listed as soon as one is asked for: many are.
var together = map[reflect.Type]func() client.ObjectList{
	reflect.TypeFor[*corev1.Node]():      func() client.ObjectList { return &corev1.NodeList{} },
	reflect.TypeFor[*corev1.Namespace](): func() client.ObjectList { return &corev1.NamespaceList{} },
}

// Get reads an object: out of a list that it would be in, if there is one.
func (r *Reader) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	kind := reflect.TypeOf(into)
	if all := together[kind]; all != nil {
		if _, err := r.in(ctx, kind, "", all()); err != nil && !apierrors.IsForbidden(err) {
			return err
		}
	}
	absent := apierrors.NewNotFound(schema.GroupResource{Resource: kind.Elem().Name()}, key.Name)
	if dispensable[kind] != "" && r.denied[place{kind, ""}] != nil {
		return absent
	}
	for _, namespace := range []string{"", key.Namespace} {
		list, known := r.kept[place{kind, namespace}]
		if !known {
			continue
		}
		for _, object := range list {
			if client.ObjectKeyFromObject(object) == key {
				reflect.ValueOf(into).Elem().Set(reflect.ValueOf(object).Elem())
				return nil
			}
		}
		return absent
	}
	if err := r.live.Get(ctx, key, into, options...); err != nil {
		return err
	}
	_, err := r.trimmed(kind, into)
	return err
}

// List lists objects by namespace, labels and one index.
func (r *Reader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	asked := (&client.ListOptions{}).ApplyOptions(options)
	item, err := itemOf(list)
	if err != nil {
		return err
	}
	keys, wanted, err := r.index(item, asked)
	if err != nil {
		return err
	}
	all, err := r.in(ctx, item, asked.Namespace, list)
	if err != nil {
		return err
	}
	out := make([]runtime.Object, 0, len(all))
	for _, object := range all {
		labelled := asked.LabelSelector == nil || asked.LabelSelector.Matches(labels.Set(object.GetLabels()))
		if labelled && (keys == nil || slices.Contains(keys(object), wanted)) {
			out = append(out, object)
		}
	}
	return meta.SetList(list, out)
}

// itemOf is the type of what a list holds.
func itemOf(list client.ObjectList) (reflect.Type, error) {
	items, err := meta.GetItemsPtr(list)
	if err != nil {
		return nil, err
	}
	return reflect.PointerTo(reflect.TypeOf(items).Elem().Elem()), nil
}

// index is the one that a list is asked by, nil for none.
func (r *Reader) index(kind reflect.Type, asked *client.ListOptions) (keys client.IndexerFunc, wanted string, err error) {
	if asked.FieldSelector == nil || asked.FieldSelector.Empty() {
		return nil, "", nil
	}
	by := asked.FieldSelector.Requirements()
	keys = r.indexes[index{kind, by[0].Field}]
	if len(by) != 1 || keys == nil {
		return nil, "", fmt.Errorf("%s are found by no such index: %s", kind.Elem().Name(), asked.FieldSelector)
	}
	return keys, by[0].Value, nil
}

// in are the objects of a kind in a namespace, or in all. empty is a list of the kind.
func (r *Reader) in(ctx context.Context, kind reflect.Type, namespace string, empty client.ObjectList) ([]client.Object, error) {
	if known, ok := r.kept[place{kind, namespace}]; ok {
		return known, nil
	}
	if all, ok := r.kept[place{kind, ""}]; ok {
		var out []client.Object
		for _, object := range all {
			if object.GetNamespace() == namespace {
				out = append(out, object)
			}
		}
		return out, nil
	}
	at := place{kind, namespace}
	if err := r.denied[at]; err != nil {
		return r.without(at, err)
	}
	out, err := r.read(ctx, kind, namespace, empty)
	switch {
	case apierrors.IsForbidden(err):
		r.denied[at] = err
		return r.without(at, err)
	case err == nil:
		r.kept[at] = out
	}
	return out, err
}

// without is what is gone on with where a list may not be read, or the error where nothing is known then. Pods of all
// namespaces are the ones of the namespaces that were read. That is no list to keep: whoever asks for one namespace is
// to have all that is in it.
func (r *Reader) without(at place, err error) ([]client.Object, error) {
	if what := dispensable[at.kind]; what != "" {
		r.miss(fmt.Errorf("you may not list %s: %w", what, err))
		return nil, nil
	}
	var out []client.Object
	known := false
	for read, objects := range r.kept {
		if at == allPods && read.kind == at.kind {
			out, known = append(out, objects...), true
		}
	}
	if !known {
		return nil, err
	}
	r.miss(fmt.Errorf("you may not list the Pods of all namespaces, so others are left out: %w", err))
	return out, nil
}

var allPods = place{reflect.TypeFor[*corev1.Pod](), ""}

// miss notes an error of what is done without, once.
func (r *Reader) miss(err error) {
	if !slices.ContainsFunc(r.unread, func(other error) bool { return other.Error() == err.Error() }) {
		r.unread = append(r.unread, err)
	}
}

// read asks the API server, page by page.
func (r *Reader) read(ctx context.Context, kind reflect.Type, namespace string, empty client.ObjectList) ([]client.Object, error) {
	out, next := []client.Object{}, ""
	for {
		page := reflect.New(reflect.TypeOf(empty).Elem()).Interface().(client.ObjectList)
		if err := r.live.List(ctx, page, client.InNamespace(namespace), client.Limit(inPages), client.Continue(next)); err != nil {
			return nil, err
		}
		err := meta.EachListItem(page, func(item runtime.Object) error {
			object, err := r.trimmed(kind, item.(client.Object))
			out = append(out, object)
			return err
		})
		if next = page.GetContinue(); next == "" || err != nil {
			return out, err
		}
	}
}

// trimmed is an object as the cache keeps it.
func (r *Reader) trimmed(kind reflect.Type, object client.Object) (client.Object, error) {
	trim := r.trims[kind]
	if trim == nil {
		trim = r.trim
	}
	kept, err := trim(object)
	if err != nil {
		return nil, err
	}
	if out := kept.(client.Object); out != object {
		reflect.ValueOf(object).Elem().Set(reflect.ValueOf(out).Elem())
	}
	return object, nil
}
