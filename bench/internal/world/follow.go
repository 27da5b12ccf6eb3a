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
	reached func(*corev1.Pod) bool
	onReach func(*corev1.Pod)
	want    int
	// open watches from a version on; list lists all Pods, and says their version.
	open func(version string) (watch.Interface, error)
	list func() ([]corev1.Pod, string, error)
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	now      map[types.UID]bool
	complete chan time.Time
	broken   chan error
}

// Follow watches until Stop. Complete is when so many Pods have reached it at the same time, for the first time;
// onReach, unless it is nil, is told of each Pod that reaches it from now on, from a single goroutine. It is told of the
// last one before Wait returns.
func (w *World) Follow(
	ctx context.Context, namespace string, want int, reached func(*corev1.Pod) bool, onReach func(*corev1.Pod),
) (*Follower, error) {
	ctx, stop := context.WithCancel(ctx)
	f := &Follower{
		reached: reached, onReach: onReach, want: want, stop: stop,
		now: map[types.UID]bool{}, complete: make(chan time.Time, 1), broken: make(chan error, 1),
		open: func(version string) (watch.Interface, error) {
			options := &client.ListOptions{Namespace: namespace, Raw: &metav1.ListOptions{ResourceVersion: version}}
			return w.Cluster.Client.Watch(ctx, &corev1.PodList{}, options)
		},
		list: func() ([]corev1.Pod, string, error) {
			list := &corev1.PodList{}
			err := w.Cluster.Client.List(ctx, list, client.InNamespace(namespace))
			return list.Items, list.ResourceVersion, err
		},
	}
	pods, version, err := f.list()
	if err != nil {
		stop()
		return nil, fmt.Errorf("list the Pods of %s: %w", namespace, err)
	}
	for i := range pods {
		if reached(&pods[i]) {
			f.now[pods[i].UID] = true
		}
	}
	f.done.Go(func() {
		if err := f.listen(ctx, version); ctx.Err() == nil {
			f.broken <- fmt.Errorf("watch the Pods of %s: %w", namespace, err)
		}
	})
	return f, nil
}

// listen goes on where a watch ended: an API server that has more to do than it can ends those that it cannot serve in
// time.
func (f *Follower) listen(ctx context.Context, version string) error {
	for ctx.Err() == nil {
		watcher, err := f.open(version)
		if err == nil {
			version, err = f.read(ctx, watcher, version)
		}
		if err == nil {
			continue
		}
		if version, err = f.relist(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// read returns the version up to which all was seen, and an error if there is no going on from there.
func (f *Follower) read(ctx context.Context, watcher watch.Interface, version string) (string, error) {
	defer watcher.Stop()
	for {
		select {
		case <-ctx.Done():
			return version, nil
		case event, open := <-watcher.ResultChan():
			if !open {
				return version, nil
			}
			pod, ok := event.Object.(*corev1.Pod)
			if !ok {
				return version, apierrors.FromObject(event.Object)
			}
			version = pod.ResourceVersion
			f.see(event.Type, pod)
		}
	}
}

// relist looks at all Pods anew, and forgets those that are gone.
func (f *Follower) relist() (string, error) {
	pods, version, err := f.list()
	if err != nil {
		return "", err
	}
	there := map[types.UID]bool{}
	for i := range pods {
		there[pods[i].UID] = true
		f.see(watch.Modified, &pods[i])
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for uid := range f.now {
		if !there[uid] {
			delete(f.now, uid)
		}
	}
	return version, nil
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
	at := time.Now()
	if f.onReach != nil {
		f.onReach(pod)
	}
	if count == f.want { // whoever waits for this has been told of each of these Pods
		select {
		case f.complete <- at:
		default:
		}
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
	f.stop()
	f.done.Wait()
}
