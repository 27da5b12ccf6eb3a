// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/webhook/pod/patchedpods"
)

// KnownPatches are all SchedPatches of the cluster, compiled and indexed, kept current by a watch.
type KnownPatches struct {
	*schedpatch.Index
	patchedPods *patchedpods.Counter
	synced      toolscache.InformerSynced
}

// FollowPatches watches SchedPatches through a cache that is started later, and has the Pods of those with maxPods
// counted.
func FollowPatches(ctx context.Context, c cache.Cache, counter *patchedpods.Counter) (*KnownPatches, error) {
	known := &KnownPatches{Index: schedpatch.NewIndex(), patchedPods: counter}
	informer, err := c.GetInformer(ctx, &v1alpha1.SchedPatch{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch SchedPatches: %w", err)
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { known.put(ctx, object) },
		UpdateFunc: func(_, object any) { known.put(ctx, object) },
		DeleteFunc: known.remove,
	})
	if err != nil {
		return nil, fmt.Errorf("watch SchedPatches: %w", err)
	}
	known.synced = registration.HasSynced
	return known, nil
}

// Synced says whether all SchedPatches are known.
func (k *KnownPatches) Synced() error {
	if !k.synced() {
		return errors.New("SchedPatches are still being read")
	}
	return nil
}

// put takes in a new or changed patch. Writes of its status change nothing.
func (k *KnownPatches) put(ctx context.Context, object any) {
	patch := object.(*v1alpha1.SchedPatch)
	key := keyOf(patch)
	if old := k.Get(key); old != nil && old.Object.UID == patch.UID && old.Object.Generation == patch.Generation {
		return
	}
	compiled, err := schedpatch.Compile(patch)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "SchedPatch patches nothing until it is corrected")
		k.forget(key)
		return
	}
	k.Put(compiled)
	if patch.Spec.MaxPods == nil {
		k.patchedPods.Forget(key)
	} else {
		k.patchedPods.Follow(key)
	}
}

func (k *KnownPatches) remove(object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	if patch, ok := object.(*v1alpha1.SchedPatch); ok {
		k.forget(keyOf(patch))
	}
}

func (k *KnownPatches) forget(key types.NamespacedName) {
	k.Delete(key)
	k.patchedPods.Forget(key)
}

func keyOf(patch *v1alpha1.SchedPatch) types.NamespacedName {
	return types.NamespacedName{Namespace: patch.Namespace, Name: patch.Name}
}
