// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// ConditionChange is a condition whose status changed, or that came or went. A transition time that moves is a change
// too, even if the status is the same: somebody saw it change in between.
type ConditionChange struct {
	// At is when it was seen here.
	At time.Time
	// Type of the condition.
	Type string
	// Before is nil for a condition that has come, After for one that is gone. Nobody may modify them.
	Before, After *metav1.Condition
}

// ConditionHistory follows one object of ours and remembers every change of its conditions, in order.
type ConditionHistory struct {
	watch watch.Interface
	done  chan struct{}

	mu      sync.Mutex
	now     []metav1.Condition
	changes []ConditionChange
	ended   bool
}

// RecordConditions follows the conditions of a StatefulSet or SidecarSet until Stop is called. Those that it has now
// are no change.
func (c *Cluster) RecordConditions(ctx context.Context, object client.Object) (*ConditionHistory, error) {
	if err := c.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return nil, fmt.Errorf("read %s: %w", object.GetName(), err)
	}
	list, conditions, err := recordable(object)
	if err != nil {
		return nil, err
	}
	h := &ConditionHistory{done: make(chan struct{}), now: conditions}
	options := &client.ListOptions{Namespace: object.GetNamespace(), FieldSelector: fields.OneTermEqualSelector("metadata.name", object.GetName())}
	options.Raw = options.AsListOptions()
	options.Raw.ResourceVersion = object.GetResourceVersion()
	if h.watch, err = c.Client.Watch(context.WithoutCancel(ctx), list, options); err != nil {
		return nil, fmt.Errorf("watch %s: %w", object.GetName(), err)
	}
	go h.follow()
	return h, nil
}

// recordable returns the conditions of an object, and a list of its kind.
func recordable(object any) (client.ObjectList, []metav1.Condition, error) {
	switch o := object.(type) {
	case *v1beta1.StatefulSet:
		return &v1beta1.StatefulSetList{}, o.Status.Conditions, nil
	case *v1beta1.SidecarSet:
		return &v1beta1.SidecarSetList{}, o.Status.Conditions, nil
	}
	return nil, nil, fmt.Errorf("conditions of a %T cannot be recorded, only those of a StatefulSet or SidecarSet", object)
}

func (h *ConditionHistory) follow() {
	defer close(h.done)
	for event := range h.watch.ResultChan() {
		if _, conditions, err := recordable(event.Object); err == nil {
			h.note(time.Now(), conditions)
		}
	}
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
}

func (h *ConditionHistory) note(at time.Time, conditions []metav1.Condition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, kind := range typesOf(h.now, conditions) {
		before, after := meta.FindStatusCondition(h.now, kind), meta.FindStatusCondition(conditions, kind)
		if before != nil && after != nil && before.Status == after.Status && before.LastTransitionTime.Equal(&after.LastTransitionTime) {
			continue
		}
		h.changes = append(h.changes, ConditionChange{At: at, Type: kind, Before: before, After: after})
	}
	h.now = conditions
}

// typesOf are those of two lists of conditions, in alphabetical order.
func typesOf(lists ...[]metav1.Condition) (out []string) {
	for _, list := range lists {
		for i := range list {
			out = append(out, list[i].Type)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Changes are those seen so far, in order.
func (h *ConditionHistory) Changes() []ConditionChange {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.changes)
}

// Stop ends the recording and returns all changes in order. It fails when the watch had broken off before, since then
// changes may have gone unseen.
func (h *ConditionHistory) Stop() ([]ConditionChange, error) {
	h.mu.Lock()
	ended := h.ended
	h.mu.Unlock()
	h.watch.Stop()
	<-h.done
	if ended {
		return h.changes, fmt.Errorf("the watch on conditions broke off after %d changes", len(h.changes))
	}
	return h.changes, nil
}

// Statuses are, of every condition that changed, all statuses that it had, in order; "" while there was no such
// condition.
func Statuses(changes []ConditionChange) map[string][]metav1.ConditionStatus {
	out := map[string][]metav1.ConditionStatus{}
	for i := range changes {
		change := &changes[i]
		if out[change.Type] == nil {
			out[change.Type] = append(out[change.Type], statusOf(change.Before))
		}
		out[change.Type] = append(out[change.Type], statusOf(change.After))
	}
	return out
}

func statusOf(c *metav1.Condition) metav1.ConditionStatus {
	if c == nil {
		return ""
	}
	return c.Status
}
