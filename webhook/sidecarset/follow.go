// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"errors"
	"fmt"
	"maps"

	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Followed are the stored SidecarSets, kept current by a watch.
type Followed struct {
	*Stored
	synced toolscache.InformerSynced
}

// Follow watches SidecarSets through a cache that is started later.
func Follow(ctx context.Context, c cache.Cache) (*Followed, error) {
	followed := &Followed{Stored: NewStored()}
	informer, err := c.GetInformer(ctx, &v1beta1.SidecarSet{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch SidecarSets: %w", err)
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { followed.put(ctx, object) },
		UpdateFunc: func(_, object any) { followed.put(ctx, object) },
		DeleteFunc: followed.remove,
	})
	if err != nil {
		return nil, fmt.Errorf("watch SidecarSets: %w", err)
	}
	followed.synced = registration.HasSynced
	return followed, nil
}

// Synced says whether all SidecarSets are known.
func (f *Followed) Synced() error {
	if !f.synced() {
		return errors.New("SidecarSets are still being read for validation")
	}
	return nil
}

// put takes in a new or changed set. Status writes change nothing that another set is compared with.
func (f *Followed) put(ctx context.Context, object any) {
	set := object.(*v1beta1.SidecarSet)
	known := f.Get(set.Name)
	if known != nil && known.UID == set.UID && known.Generation == set.Generation && maps.Equal(known.Annotations, set.Annotations) {
		return
	}
	if err := f.Put(set); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "SidecarSet is not compared with others until it is corrected")
	}
}

func (f *Followed) remove(object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	if set, ok := object.(*v1beta1.SidecarSet); ok {
		f.Delete(set.Name)
	}
}
