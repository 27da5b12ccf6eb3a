// SPDX-License-Identifier: Apache-2.0

package disruption

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Namespace is what there is to know of one namespace: its budgets, and all of its Pods. Nobody writes into it.
type Namespace struct {
	Budgets []*Budget
	Pods    []corev1.Pod
}

// Budgets are the namespaces of a Snapshot, those without a budget left out. It is a value: nobody changes it.
type Budgets map[string]Namespace

// Counter is what one plan has left of the budgets. It counts the Pods of a budget when it is first asked about one.
type Counter struct {
	budgets Budgets
	serves  func(pod *corev1.Pod) bool
	covers  map[string]byLabel[*Budget]
	pods    map[indexKey]byLabel[*corev1.Pod]
	counts  map[types.NamespacedName]*count
}

// byLabel are things by the value of a label.
type byLabel[T any] map[string][]T

type indexKey struct{ namespace, label string }

// count is what is left of one budget.
type count struct {
	// healthy are its Pods that serve, allowed is how many of them may go.
	healthy, allowed int
}

// NewCounter starts to count. serves reports whether a Pod serves; those that were taken and do not show it yet do not.
func NewCounter(budgets Budgets, serves func(pod *corev1.Pod) bool) *Counter {
	return &Counter{
		budgets: budgets, serves: serves, covers: map[string]byLabel[*Budget]{},
		pods: map[indexKey]byLabel[*corev1.Pod]{}, counts: map[types.NamespacedName]*count{},
	}
}

// Covering are the budgets that cover a Pod, in order of their names. The eviction API refuses Pods that more than one
// covers; here all of them are asked.
func (c *Counter) Covering(pod *corev1.Pod) []*Budget {
	namespace, ok := c.budgets[pod.Namespace]
	if !ok {
		return nil
	}
	index, ok := c.covers[pod.Namespace]
	if !ok {
		index = byLabel[*Budget]{}
		for _, b := range namespace.Budgets {
			index[pair(b.key, b.value)] = append(index[pair(b.key, b.value)], b)
		}
		c.covers[pod.Namespace] = index
	}
	out := covering(index[pair("", "")], pod, nil)
	for key, value := range pod.Labels {
		out = covering(index[pair(key, value)], pod, out)
	}
	return sorted(out)
}

func covering(budgets []*Budget, pod *corev1.Pod, out []*Budget) []*Budget {
	for _, b := range budgets {
		if b.Covers(pod) {
			out = append(out, b)
		}
	}
	return out
}

// Obstacle says which budget does not let a serving Pod go, and why; nil when all of them do.
func (c *Counter) Obstacle(pod *corev1.Pod) (*Budget, string) {
	for _, b := range c.Covering(pod) {
		if counted := c.count(b); counted.allowed <= 0 {
			return b, b.Words(counted.healthy)
		}
	}
	return nil, ""
}

// Take takes a serving Pod from each of its budgets, and names them.
func (c *Counter) Take(pod *corev1.Pod) []types.NamespacedName {
	var out []types.NamespacedName
	for _, b := range c.Covering(pod) {
		counted := c.count(b)
		counted.healthy--
		counted.allowed--
		out = append(out, b.Key())
	}
	return out
}

// count counts the Pods of a budget that serve.
func (c *Counter) count(b *Budget) *count {
	if known := c.counts[b.Key()]; known != nil {
		return known
	}
	out := &count{}
	for _, pod := range c.of(b) {
		if b.Covers(pod) && !b.disrupted(pod) && c.serves(pod) {
			out.healthy++
		}
	}
	out.allowed = min(b.Allowed(), out.healthy-int(b.object.Status.DesiredHealthy))
	c.counts[b.Key()] = out
	return out
}

// of are the Pods that a budget may cover: those with the label that its selector demands. Each label is looked up once,
// however many budgets ask for it.
func (c *Counter) of(b *Budget) []*corev1.Pod {
	key := indexKey{b.object.Namespace, b.key}
	index, ok := c.pods[key]
	if !ok {
		index = byLabel[*corev1.Pod]{}
		list := c.budgets[key.namespace].Pods
		for i := range list {
			value, labelled := list[i].Labels[key.label]
			if labelled || key.label == "" {
				index[value] = append(index[value], &list[i])
			}
		}
		c.pods[key] = index
	}
	return index[b.value]
}

func pair(key, value string) string { return key + "=" + value }
