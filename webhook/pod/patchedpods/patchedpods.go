// SPDX-License-Identifier: Apache-2.0

// Package patchedpods counts the Pods that carry a SchedPatch, for maxPods. Only patches that have maxPods are followed,
// each by a watch of the metadata of just those Pods that carry it, so the memory it takes is that of maxPods.
package patchedpods

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// seenWithin is how long a Pod that was admitted counts although the watch has not shown it: it may have been refused
// after us, and never come.
const seenWithin = 5 * time.Second

// living leaves out Pods that have ended: they carry nothing any more.
const living = "status.phase!=" + string(corev1.PodSucceeded) + ",status.phase!=" + string(corev1.PodFailed)

// ErrNotCounted says that it is not known yet how many Pods carry a patch.
var ErrNotCounted = errors.New("its Pods are still being counted, as maxPods demands")

// FullError says that as many Pods as maxPods allows carry the patch.
type FullError struct{ MaxPods int32 }

// Error goes on after "because".
func (e FullError) Error() string {
	return fmt.Sprintf("maxPods is %d, and as many Pods carry it", e.MaxPods)
}

// Counter counts the Pods that carry each SchedPatch. It is best effort: each replica of the webhook counts on its own,
// and Pods that several admit at the same moment may be too many.
type Counter struct {
	ctx    context.Context //nolint:containedctx // watches are started and stopped while the program runs, and end with it
	client metadata.Interface
	clock  clock.PassiveClock

	mu       sync.Mutex
	followed map[types.NamespacedName]*followed
}

// followed is one patch with maxPods.
type followed struct {
	stop     context.CancelFunc
	informer cache.SharedIndexInformer
	// reserved are the Pods that were admitted and that the watch has not shown yet, oldest first.
	reserved []*reservation
}

// reservation is the place of a Pod that is being admitted.
type reservation struct {
	// pod is its name; "" while the API server has not made one from generateName.
	pod string
	at  time.Time
}

// New returns a Counter whose watches end with the context.
func New(ctx context.Context, client metadata.Interface, clock clock.PassiveClock) *Counter {
	return &Counter{ctx: ctx, client: client, clock: clock, followed: map[types.NamespacedName]*followed{}}
}

// Follow starts to count the Pods that carry a patch, in any version of it. Following a patch twice is the same as
// once.
func (c *Counter) Follow(key types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.followed[key] != nil {
		return
	}
	ctx, stop := context.WithCancel(c.ctx)
	informer := metadatainformer.NewFilteredMetadataInformer(c.client, corev1.SchemeGroupVersion.WithResource("pods"),
		key.Namespace, 0, cache.Indexers{}, func(options *metav1.ListOptions) {
			options.LabelSelector = schedpatch.LabelKey(key.Name)
			options.FieldSelector = living
		}).Informer()
	f := &followed{stop: stop, informer: informer}
	c.followed[key] = f
	// Neither can fail before the informer is started.
	_ = informer.SetTransform(trim)
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{AddFunc: func(object any, initial bool) {
		if pod, ok := object.(*metav1.PartialObjectMetadata); ok && !initial {
			c.seen(f, pod.Name)
		}
	}})
	go informer.RunWithContext(ctx)
}

// Forget stops to count.
func (c *Counter) Forget(key types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.followed[key]; f != nil {
		f.stop()
		delete(c.followed, key)
	}
}

// Counted reports whether Reserve can answer for this patch.
func (c *Counter) Counted(key types.NamespacedName) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.followed[key]
	return f != nil && f.informer.HasSynced()
}

// Reserve takes one of the maxPods places of a patch for a Pod that is being admitted; release gives it back. A Pod
// that was refused and is tried again by its name has its place already. A dry run only looks.
func (c *Counter) Reserve(key types.NamespacedName, maxPods int32, pod string, dryRun bool) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.followed[key]
	if f == nil || !f.informer.HasSynced() {
		return nil, ErrNotCounted
	}
	now := c.clock.Now()
	f.expire(now)
	if pod != "" { // its place is the new one
		f.reserved = slices.DeleteFunc(f.reserved, func(r *reservation) bool { return r.pod == pod && !dryRun })
	}
	if f.count() >= int(maxPods) {
		return nil, FullError{maxPods}
	}
	if dryRun {
		return func() {}, nil
	}
	taken := &reservation{pod: pod, at: now}
	f.reserved = append(f.reserved, taken)
	return func() { c.release(f, taken) }, nil
}

// seen releases the reservation of a Pod that has come to be: its own or, where its name was not known, the oldest of
// those without one.
func (c *Counter) seen(f *followed, pod string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range []string{pod, ""} {
		if i := slices.IndexFunc(f.reserved, func(r *reservation) bool { return r.pod == name }); i >= 0 {
			f.reserved = slices.Delete(f.reserved, i, i+1)
			return
		}
	}
}

func (c *Counter) release(f *followed, taken *reservation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.reserved = slices.DeleteFunc(f.reserved, func(r *reservation) bool { return r == taken })
}

func (f *followed) expire(now time.Time) {
	f.reserved = slices.DeleteFunc(f.reserved, func(r *reservation) bool { return now.Sub(r.at) >= seenWithin })
}

// count leaves out Pods on their way out: their place is free for those that replace them.
func (f *followed) count() int {
	out := len(f.reserved)
	for _, object := range f.informer.GetStore().List() {
		if pod, ok := object.(*metav1.PartialObjectMetadata); ok && pod.DeletionTimestamp == nil {
			out++
		}
	}
	return out
}

// trim keeps what tells one Pod from another, and the living from the others.
func trim(object any) (any, error) {
	pod, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil
	}
	return &metav1.PartialObjectMetadata{TypeMeta: pod.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
		DeletionTimestamp: pod.DeletionTimestamp,
	}}, nil
}
