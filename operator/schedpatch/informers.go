// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/windlass-operator/windlass/internal/podcache"
)

// LateWatches are what this controller watches only from the moment that a SchedPatch needs it. It reads the metadata
// of the owners that are watched, which it finds by podcache.ControllerIndex too.
type LateWatches interface {
	client.Reader
	// WatchOwners begins to watch a kind, whose objects are read from then on. It is called once for each kind that it
	// succeeds for. synced reports whether all objects that were there before have been seen.
	WatchOwners(ctx context.Context, kind *metav1.PartialObjectMetadata, events OwnerEvents) (synced func() bool, err error)
	// WatchNodes begins to watch nodes. It is called until it succeeds.
	WatchNodes(events NodeEvents) error
}

// OwnerEvents take the changes of owners.
type OwnerEvents = handler.TypedEventHandler[*metav1.PartialObjectMetadata, reconcile.Request]

// NodeEvents take the changes of nodes.
type NodeEvents = handler.TypedEventHandler[*corev1.Node, reconcile.Request]

// informers are the late watches of a manager.
type informers struct {
	// Cache holds the owners. It is apart from the manager's, whose objects keep more.
	cache.Cache
	// nodes is the manager's.
	nodes      cache.Cache
	controller controller.Controller
}

var _ LateWatches = &informers{}

// newInformers makes a cache of owners, which holds nothing yet.
func newInformers(mgr manager.Manager) (*informers, error) {
	identities, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), DefaultTransform: trimOwner,
	})
	if err == nil {
		err = mgr.Add(identities)
	}
	if err != nil {
		return nil, fmt.Errorf("set up the cache of owners: %w", err)
	}
	return &informers{Cache: identities, nodes: mgr.GetCache()}, nil
}

// WatchOwners indexes a kind before the first object of it is seen.
func (i *informers) WatchOwners(ctx context.Context, kind *metav1.PartialObjectMetadata, events OwnerEvents) (func() bool, error) {
	informer, err := i.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	if err := i.IndexField(ctx, kind, podcache.ControllerIndex, controllerUID); err != nil {
		return nil, fmt.Errorf("index by controller: %w", err)
	}
	return informer.HasSynced, i.controller.Watch(source.Kind(i.Cache, kind, events))
}

// WatchNodes uses the manager's cache.
func (i *informers) WatchNodes(events NodeEvents) error {
	return i.controller.Watch(source.Kind(i.nodes, &corev1.Node{}, events))
}

// controllerUID is the client.IndexerFunc of podcache.ControllerIndex.
func controllerUID(object client.Object) []string { return podcache.ControllerUID(object) }
