// SPDX-License-Identifier: Apache-2.0

package disruption

import (
	"slices"

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
	// healthy are its Pods that serve, granted is how many the disruption controller lets go.
	healthy, granted int
	// leftOut are the other Pods of the budget, words say why none may go; they are made when they are needed.
	leftOut map[types.UID]bool
	words   string
}

// with is how many Pods serve with one that may have been left out: a change of it was begun and refused, or nobody
// knows whether it was written.
func (c *count) with(pod *corev1.Pod) int {
	if c.leftOut[pod.UID] {
		return c.healthy + 1
	}
	return c.healthy
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

// CoverAny reports whether one of some budgets of a namespace covers one of some Pods of it.
func CoverAny(budgets []*Budget, pods []*corev1.Pod) bool {
	if len(budgets) == 0 || len(pods) == 0 {
		return false
	}
	c := NewCounter(Budgets{pods[0].Namespace: {Budgets: budgets}}, nil)
	return slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return len(c.Covering(pod)) > 0 })
}

func covering(budgets []*Budget, pod *corev1.Pod, out []*Budget) []*Budget {
	for _, b := range budgets {
		if b.Covers(pod) {
			out = append(out, b)
		}
	}
	return out
}

// Obstacle says which budget does not let a Pod go that is Ready, and why; nil when all of them do.
func (c *Counter) Obstacle(pod *corev1.Pod) (*Budget, string) {
	for _, b := range c.Covering(pod) {
		count := c.count(b)
		if count.granted > 0 && count.with(pod) > int(b.object.Status.DesiredHealthy) {
			continue
		}
		if count.words == "" {
			count.words = b.Words(count.healthy)
		}
		return b, count.words
	}
	return nil, ""
}

// Take takes a Pod that is Ready from each of its budgets, and names them.
func (c *Counter) Take(pod *corev1.Pod) []types.NamespacedName {
	var out []types.NamespacedName
	for _, b := range c.Covering(pod) {
		count := c.count(b)
		count.granted--
		count.healthy = count.with(pod) - 1
		count.leftOut[pod.UID] = true
		out = append(out, b.Key())
	}
	return out
}

// count counts the Pods of a budget that serve.
func (c *Counter) count(b *Budget) *count {
	if known := c.counts[b.Key()]; known != nil {
		return known
	}
	out := &count{granted: b.Allowed(), leftOut: map[types.UID]bool{}}
	for _, pod := range c.of(b) {
		switch {
		case !b.only && !b.Covers(pod):
		case !b.disrupted(pod) && c.serves(pod):
			out.healthy++
		default:
			out.leftOut[pod.UID] = true
		}
	}
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
