// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"errors"
	"maps"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/follow"
	"github.com/windlass-operator/windlass/webhook/freshness"
)

// Followed are the SidecarSets of the cluster, kept current by one watch: for the Pods that they are injected into, and
// for the sets that are compared with them. The objects in it are never modified.
type Followed struct {
	// Index are the sets that can be injected.
	Index *sidecar.Index
	// Stored are the sets that can be for a Pod, also those that are not injected until they are corrected.
	Stored *Stored
	// Seen are the versions of the sets that the watch has brought.
	Seen *freshness.Seen

	sets, namespaces *follow.Watch
}

// Trim is a cache.TransformFunc: of the status of a SidecarSet it keeps what names its revisions, which is all that a webhook
// reads of it. The conditions alone take as much memory as the rest of a small set.
func Trim(object any) (any, error) {
	if set, ok := object.(*v1beta1.SidecarSet); ok {
		set.Status = v1beta1.SidecarSetStatus{LatestRevision: set.Status.LatestRevision, CollisionCount: set.Status.CollisionCount}
	}
	return program.DropBookkeeping(object)
}

// Follow watches SidecarSets, and Namespaces for those who read them from the cache, which is started later.
func Follow(ctx context.Context, c cache.Cache) (*Followed, error) {
	followed := NewFollowed()
	var errs [2]error
	followed.sets, errs[0] = follow.Start(ctx, c, "SidecarSets", &v1beta1.SidecarSet{}, follow.Into[*v1beta1.SidecarSet]{
		Put:    func(set *v1beta1.SidecarSet) { followed.Put(ctx, set) },
		Delete: followed.Delete,
	})
	followed.namespaces, errs[1] = follow.Cached(ctx, c, "Namespaces", &corev1.Namespace{})
	return followed, errors.Join(errs[:]...)
}

// NewFollowed has no sets yet, and no watch.
func NewFollowed() *Followed {
	return &Followed{Index: sidecar.NewIndex(), Stored: NewStored(), Seen: freshness.NewSeen()}
}

// Synced says whether all SidecarSets and Namespaces are known.
func (f *Followed) Synced() error { return errors.Join(f.sets.Synced(), f.namespaces.Synced()) }

// Put takes in a new or changed set, and only then says that it was seen.
func (f *Followed) Put(ctx context.Context, set *v1beta1.SidecarSet) {
	if old := f.Stored.Get(set.Name); old == nil || !sameInjection(old, set) {
		f.take(ctx, set)
	} else {
		f.renew(set)
	}
	f.Seen.Note(set)
}

// renew lets the former state of a set go.
func (f *Followed) renew(set *v1beta1.SidecarSet) {
	f.Index.Renew(set)
	f.Stored.Renew(set)
}

// take leaves a set out of what it is not right enough for, and says so.
func (f *Followed) take(ctx context.Context, set *v1beta1.SidecarSet) {
	if compiled, err := sidecar.Compile(set); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "SidecarSet injects nothing until it is corrected")
		f.Index.Delete(set.Name)
	} else {
		f.Index.Put(compiled)
	}
	if err := f.Stored.Put(set); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "SidecarSet is not compared with others until it is corrected")
	}
}

// sameInjection reports whether two objects inject the same. Labels and annotations count, which no generation does: a
// canary is marked by them. Of the status only the name of the latest revision is injected.
func sameInjection(a, b *v1beta1.SidecarSet) bool {
	return a.UID == b.UID && a.Generation == b.Generation &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		a.Status.LatestRevision == b.Status.LatestRevision
}

// Delete forgets a set that is gone.
func (f *Followed) Delete(set *v1beta1.SidecarSet) {
	f.Index.Delete(set.Name)
	f.Stored.Delete(set.Name)
	f.Seen.NoteDeleted(set)
}
