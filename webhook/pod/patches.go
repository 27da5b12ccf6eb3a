// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/webhook/follow"
	"github.com/windlass-operator/windlass/webhook/pod/patchedpods"
)

// KnownPatches are all SchedPatches of the cluster, compiled and indexed, kept current by a watch.
type KnownPatches struct {
	*schedpatch.Index
	*follow.Watch
	patchedPods *patchedpods.Counter
}

// FollowPatches watches SchedPatches through a cache that is started later, and has the Pods of those with maxPods
// counted.
func FollowPatches(ctx context.Context, c cache.Cache, counter *patchedpods.Counter) (*KnownPatches, error) {
	known := &KnownPatches{Index: schedpatch.NewIndex(), patchedPods: counter}
	var err error
	known.Watch, err = follow.Start(ctx, c, "SchedPatches", &v1alpha1.SchedPatch{}, follow.Into[*v1alpha1.SchedPatch]{
		Put:    func(patch *v1alpha1.SchedPatch) { known.put(ctx, patch) },
		Delete: func(patch *v1alpha1.SchedPatch) { known.forget(keyOf(patch)) },
	})
	return known, err
}

// put takes in a new or changed patch. Writes of its status change nothing.
func (k *KnownPatches) put(ctx context.Context, patch *v1alpha1.SchedPatch) {
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

func (k *KnownPatches) forget(key types.NamespacedName) {
	k.Delete(key)
	k.patchedPods.Forget(key)
}

func keyOf(patch *v1alpha1.SchedPatch) types.NamespacedName {
	return types.NamespacedName{Namespace: patch.Namespace, Name: patch.Name}
}
