// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// overlay answers reads from what is watched, and asks the API server for the rest: for what may not be watched, and for
// owners and their templates. It remembers those answers for a while, since pages are made several times per second.
type overlay struct {
	client.Client
	live   client.Client
	cache  cache.Cache
	kinds  []*kind
	memory memory
}

func newOverlay(config *rest.Config, live client.Client, kinds []*kind) (*overlay, error) {
	watched, err := cacheOf(config, live, kinds)
	return &overlay{Client: live, live: live, cache: watched, kinds: kinds}, err
}

// Live asks the API server itself.
func (o *overlay) Live() client.Client { return o.live }

// kindOf is a kind that is watched as far as the user may, nil for another one.
func (o *overlay) kindOf(gvk schema.GroupVersionKind) *kind {
	for _, k := range o.kinds {
		if known, err := apiutil.GVKForObject(k.object, o.Scheme()); err == nil && known.GroupKind() == gvk.GroupKind() {
			return k
		}
	}
	return nil
}

// typed reports whether an object is of a Go type of its own: such alone are watched.
func typed(object any) bool {
	switch object.(type) {
	case *metav1.PartialObjectMetadata, *metav1.PartialObjectMetadataList, *unstructured.Unstructured, *unstructured.UnstructuredList:
		return false
	}
	return true
}

// Get reads an object.
func (o *overlay) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	gvk, err := apiutil.GVKForObject(into, o.Scheme())
	if err != nil {
		return err
	}
	if k := o.kindOf(gvk); k != nil && k.cached(key.Namespace) && typed(into) {
		if !k.synced() {
			return fmt.Errorf("%s are being read", k)
		}
		return o.cache.Get(ctx, key, into, options...)
	}
	name := fmt.Sprintf("%T %s %s", into, gvk, key)
	return o.memory.recall(name, into, func() error { return o.live.Get(ctx, key, into, options...) })
}

// List lists objects. What is watched comes at once, whatever limit is asked for.
func (o *overlay) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	gvk, err := apiutil.GVKForObject(into, o.Scheme())
	if err != nil {
		return err
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	asked := client.ListOptions{}
	asked.ApplyOptions(options)
	k := o.kindOf(gvk)
	if k != nil {
		asked.Namespace = k.at(asked.Namespace)
	}
	if k != nil && k.cached(asked.Namespace) && typed(into) {
		if !k.synced() {
			return fmt.Errorf("%s are being read", k)
		}
		asked.Limit = 0
		err := o.cache.List(ctx, into, &asked)
		into.SetContinue("") // the cache has none, and says something else
		return err
	}
	name := fmt.Sprintf("%T %s %s %v %v %s", into, gvk, asked.Namespace, asked.LabelSelector, asked.FieldSelector, asked.Continue)
	return o.memory.recall(name, into, func() error { return o.live.List(ctx, into, &asked) })
}

// answered reports whether an error is an answer of the API server.
func answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) || meta.IsNoMatchError(err)
}

// memory remembers answers of the API server.
type memory struct {
	mu      sync.Mutex
	answers map[string]answerOf
	swept   time.Time
}

type answerOf struct {
	at    time.Time
	value any
	err   error
}

// remembered is how long.
const remembered = aging / 2

// recall fills an object with the answer of a while ago, or else with a new one.
func (m *memory) recall(name string, into any, ask func() error) error {
	m.mu.Lock()
	known, has := m.answers[name]
	m.mu.Unlock()
	if has && time.Since(known.at) < remembered {
		if known.err == nil {
			reflect.ValueOf(into).Elem().Set(reflect.ValueOf(known.value).Elem())
		}
		return known.err
	}
	err := ask()
	if err != nil && !answered(err) {
		return err
	}
	kept := reflect.New(reflect.TypeOf(into).Elem())
	kept.Elem().Set(reflect.ValueOf(into).Elem())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	m.answers[name] = answerOf{time.Now(), kept.Interface(), err}
	return err
}

// sweep forgets what is too old.
func (m *memory) sweep() {
	if m.answers == nil {
		m.answers = map[string]answerOf{}
	}
	if time.Since(m.swept) < remembered {
		return
	}
	m.swept = time.Now()
	for name, answer := range m.answers {
		if time.Since(answer.at) >= remembered {
			delete(m.answers, name)
		}
	}
}
