// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// UnreadyRecorder follows Pods and remembers how many of them were not ready at the same time.
type UnreadyRecorder struct {
	watch watch.Interface
	done  chan struct{}

	mu      sync.Mutex
	unready map[types.UID]string
	// history is every change, in order, for whoever wants to know why.
	history []string
	most    int
	ended   bool
}

// RecordUnready follows the Pods of a namespace that carry the labels, each change of them, until Stop is called.
func (c *Cluster) RecordUnready(ctx context.Context, namespace string, labels map[string]string) (*UnreadyRecorder, error) {
	options := []client.ListOption{client.InNamespace(namespace), client.MatchingLabels(labels)}
	list := &corev1.PodList{}
	if err := c.Client.List(ctx, list, options...); err != nil {
		return nil, fmt.Errorf("list Pods of namespace %s: %w", namespace, err)
	}
	r := &UnreadyRecorder{done: make(chan struct{}), unready: map[types.UID]string{}}
	for i := range list.Items {
		r.note(watch.Added, &list.Items[i])
	}
	from := &client.ListOptions{}
	from.ApplyOptions(options)
	from.Raw = from.AsListOptions()
	from.Raw.ResourceVersion = list.ResourceVersion
	var err error
	if r.watch, err = c.Client.Watch(ctx, &corev1.PodList{}, from); err != nil {
		return nil, fmt.Errorf("watch Pods of namespace %s: %w", namespace, err)
	}
	go r.follow()
	return r, nil
}

func (r *UnreadyRecorder) follow() {
	defer close(r.done)
	for event := range r.watch.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok {
			r.note(event.Type, pod)
		}
	}
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
}

func (r *UnreadyRecorder) note(change watch.EventType, pod *corev1.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, was := r.unready[pod.UID]
	is := change != watch.Deleted && !IsReady(pod)
	if is == was {
		return
	}
	if is {
		r.unready[pod.UID] = pod.Name
	} else {
		delete(r.unready, pod.UID)
	}
	r.most = max(r.most, len(r.unready))
	r.history = append(r.history, fmt.Sprintf("%s ready=%t, %d unready", pod.Name, !is, len(r.unready)))
}

// Stop ends the recording. It returns the most Pods that were unready at the same time, and every change in order. It
// fails when the watch had broken off before, since then changes may have gone unseen.
func (r *UnreadyRecorder) Stop() (most int, history []string, err error) {
	r.mu.Lock()
	ended := r.ended
	r.mu.Unlock()
	r.watch.Stop()
	<-r.done
	if ended {
		err = fmt.Errorf("the watch on Pods broke off after %d changes", len(r.history))
	}
	return r.most, r.history, err
}
