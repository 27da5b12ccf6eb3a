// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/freshness"
)

// KnownSets are all SidecarSets of the cluster, compiled and indexed, kept current by a watch.
type KnownSets struct {
	*sidecar.Index
	// Seen are the versions of the sets that the watch has brought.
	Seen   *freshness.Seen
	synced []toolscache.InformerSynced
}

// FollowSets watches SidecarSets, and Namespaces for their labels, through a cache that is started later.
func FollowSets(ctx context.Context, c cache.Cache) (*KnownSets, error) {
	known := &KnownSets{Index: sidecar.NewIndex(), Seen: freshness.NewSeen()}
	informer, err := c.GetInformer(ctx, &v1beta1.SidecarSet{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch SidecarSets: %w", err)
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { known.take(ctx, object) },
		UpdateFunc: func(_, object any) { known.take(ctx, object) },
		DeleteFunc: known.remove,
	})
	if err != nil {
		return nil, fmt.Errorf("watch SidecarSets: %w", err)
	}
	namespaces, err := c.GetInformer(ctx, &corev1.Namespace{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch Namespaces: %w", err)
	}
	known.synced = []toolscache.InformerSynced{registration.HasSynced, namespaces.HasSynced}
	return known, nil
}

// Synced says whether all SidecarSets and Namespaces are known.
func (k *KnownSets) Synced() error {
	for _, synced := range k.synced {
		if !synced() {
			return errors.New("SidecarSets and Namespaces are still being read")
		}
	}
	return nil
}

// take puts a set into the index, and only then says that it is known.
func (k *KnownSets) take(ctx context.Context, object any) {
	k.put(ctx, object)
	k.Seen.Note(object.(*v1beta1.SidecarSet))
}

// put takes in a new or changed set.
func (k *KnownSets) put(ctx context.Context, object any) {
	set := object.(*v1beta1.SidecarSet)
	if old := k.Get(set.Name); old != nil && sameInjection(old.Object, set) {
		return
	}
	compiled, err := sidecar.Compile(set)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "SidecarSet injects nothing until it is corrected")
		k.Delete(set.Name)
		return
	}
	k.Put(compiled)
}

// sameInjection reports whether two objects inject the same. Labels and annotations count, which no generation does: a
// canary is marked by them. Of the status only the name of the latest revision is injected.
func sameInjection(a, b *v1beta1.SidecarSet) bool {
	return a.UID == b.UID && a.Generation == b.Generation &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		a.Status.LatestRevision == b.Status.LatestRevision
}

func (k *KnownSets) remove(object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	if set, ok := object.(*v1beta1.SidecarSet); ok {
		k.Delete(set.Name)
		k.Seen.NoteDeleted(set)
	}
}
