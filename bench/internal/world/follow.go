// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Follower watches the Pods of a namespace and knows which of them have reached something.
type Follower struct {
	// OnReach, unless nil, is told each time that a Pod reaches it.
	onReach func(*corev1.Pod)
	reached func(*corev1.Pod) bool
	want    int
	watch   watch.Interface
	done    sync.WaitGroup

	mu       sync.Mutex
	now      map[types.UID]bool
	complete chan time.Time
	broken   chan error
}

// Follow watches until Stop. Complete is when so many Pods have reached it at the same time, for the first time;
// onReach, unless it is nil, is told of each Pod that reaches it, from a single goroutine.
func (w *World) Follow(
	ctx context.Context, namespace string, want int, reached func(*corev1.Pod) bool, onReach func(*corev1.Pod),
) (*Follower, error) {
	list := &corev1.PodList{}
	if err := w.Cluster.Client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the Pods of %s: %w", namespace, err)
	}
	options := &client.ListOptions{Namespace: namespace, Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}}
	watcher, err := w.Cluster.Client.Watch(ctx, &corev1.PodList{}, options)
	if err != nil {
		return nil, fmt.Errorf("watch the Pods of %s: %w", namespace, err)
	}
	f := &Follower{
		onReach: onReach, reached: reached, want: want, watch: watcher,
		now: map[types.UID]bool{}, complete: make(chan time.Time, 1), broken: make(chan error, 1),
	}
	for i := range list.Items {
		if reached(&list.Items[i]) {
			f.now[list.Items[i].UID] = true
		}
	}
	f.done.Go(f.listen)
	return f, nil
}

func (f *Follower) listen() {
	var last error
	for event := range f.watch.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok {
			f.see(event.Type, pod)
		} else {
			last = apierrors.FromObject(event.Object)
		}
	}
	f.broken <- fmt.Errorf("the watch on the Pods broke off (%w)", last)
}

func (f *Follower) see(kind watch.EventType, pod *corev1.Pod) {
	reached := kind != watch.Deleted && f.reached(pod)
	f.mu.Lock()
	before := f.now[pod.UID]
	if reached {
		f.now[pod.UID] = true
	} else {
		delete(f.now, pod.UID)
	}
	count := len(f.now)
	f.mu.Unlock()
	if !reached || before {
		return
	}
	if count == f.want {
		select {
		case f.complete <- time.Now():
		default:
		}
	}
	if f.onReach != nil {
		f.onReach(pod)
	}
}

// Wait returns when as many Pods as wanted had reached it.
func (f *Follower) Wait(ctx context.Context, timeout time.Duration) (time.Time, error) {
	select {
	case at := <-f.complete:
		return at, nil
	case err := <-f.broken:
		return time.Time{}, err
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case <-time.After(timeout):
		f.mu.Lock()
		defer f.mu.Unlock()
		return time.Time{}, fmt.Errorf("after %s, %d of %d Pods are where they should be", timeout, len(f.now), f.want)
	}
}

// Stop ends the watch.
func (f *Follower) Stop() {
	f.watch.Stop()
	f.done.Wait()
}
