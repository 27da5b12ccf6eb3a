// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// PodChange is one change of a Pod: one write that changed anything.
type PodChange struct {
	// At is when it was seen here.
	At time.Time
	// Before is nil for a Pod that has been created, After for one that is gone. Nobody may modify them.
	Before, After *corev1.Pod
}

// Name is the name of the Pod.
func (c *PodChange) Name() string {
	if c.After == nil {
		return c.Before.Name
	}
	return c.After.Name
}

// PodHistory follows Pods and remembers every change of them, in order.
type PodHistory struct {
	watch watch.Interface
	done  chan struct{}

	mu      sync.Mutex
	pods    map[string]*corev1.Pod
	changes []PodChange
	ended   bool
}

// RecordPods follows the Pods of a namespace that carry the labels until Stop is called. Those that are there now come
// first, as if they were created.
func (c *Cluster) RecordPods(ctx context.Context, namespace string, labels map[string]string) (*PodHistory, error) {
	options := &client.ListOptions{}
	options.ApplyOptions([]client.ListOption{client.InNamespace(namespace), client.MatchingLabels(labels)})
	list := &corev1.PodList{}
	if err := c.Client.List(ctx, list, options); err != nil {
		return nil, fmt.Errorf("list Pods of namespace %s: %w", namespace, err)
	}
	h := &PodHistory{done: make(chan struct{}), pods: map[string]*corev1.Pod{}}
	for i := range list.Items {
		h.note(watch.Added, &list.Items[i])
	}
	options.Raw = options.AsListOptions()
	options.Raw.ResourceVersion = list.ResourceVersion
	var err error
	if h.watch, err = c.Client.Watch(ctx, &corev1.PodList{}, options); err != nil {
		return nil, fmt.Errorf("watch Pods of namespace %s: %w", namespace, err)
	}
	go h.follow()
	return h, nil
}

func (h *PodHistory) follow() {
	defer close(h.done)
	for event := range h.watch.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok {
			h.note(event.Type, pod)
		}
	}
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
}

func (h *PodHistory) note(kind watch.EventType, pod *corev1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change := PodChange{At: time.Now(), Before: h.pods[pod.Name], After: pod}
	h.pods[pod.Name] = pod
	if kind == watch.Deleted {
		change.After = nil
		if change.Before == nil {
			change.Before = pod
		}
		delete(h.pods, pod.Name)
	}
	h.changes = append(h.changes, change)
}

// Changes are those seen so far, in order.
func (h *PodHistory) Changes() []PodChange {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.changes)
}

// Stop ends the recording and returns all changes in order. It fails when the watch had broken off before, since then
// changes may have gone unseen.
func (h *PodHistory) Stop() ([]PodChange, error) {
	h.mu.Lock()
	ended := h.ended
	h.mu.Unlock()
	h.watch.Stop()
	<-h.done
	if ended {
		return h.changes, fmt.Errorf("the watch on Pods broke off after %d changes", len(h.changes))
	}
	return h.changes, nil
}
