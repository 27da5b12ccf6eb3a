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
	covers  map[string]demands
	pods    map[indexKey]*chains
	counts  map[*Budget]*count
	// found is where the budgets of the Pod in question are put together: most Pods have one or none.
	found []*Budget
}

// demands are budgets by the label that each of their Pods has: key, then value. Those that demand none are at "".
type demands map[string]map[string][]*Budget

// chains are the Pods of a namespace by the value of a label: the last Pod that has it, and of each Pod the one before
// with the same value. A Pod is its place in the namespace, noPod is the end.
type chains struct {
	last   map[string]int32
	before []int32
}

const noPod = -1

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
		budgets: budgets, serves: serves,
		covers: map[string]demands{}, pods: map[indexKey]*chains{}, counts: map[*Budget]*count{},
	}
}

// Covering are the budgets that cover a Pod, in order of their names. The eviction API refuses Pods that more than one
// covers; here all of them are asked.
func (c *Counter) Covering(pod *corev1.Pod) []*Budget { return slices.Clone(c.covering(pod)) }

// covering is Covering until it is asked about the next Pod.
func (c *Counter) covering(pod *corev1.Pod) []*Budget {
	demands := c.demands(pod.Namespace)
	c.found = covering(demands[""][""], pod, c.found[:0])
	for key, value := range pod.Labels {
		if budgets := demands[key]; budgets != nil {
			c.found = covering(budgets[value], pod, c.found)
		}
	}
	return sorted(c.found)
}

// demands are the budgets of a namespace, nil when there are none.
func (c *Counter) demands(namespace string) demands {
	known, ok := c.covers[namespace]
	if ok {
		return known
	}
	for _, b := range c.budgets[namespace].Budgets {
		if known == nil {
			known = demands{}
		}
		if known[b.key] == nil {
			known[b.key] = map[string][]*Budget{}
		}
		known[b.key][b.value] = append(known[b.key][b.value], b)
	}
	c.covers[namespace] = known
	return known
}

// CoverAny reports whether one of some budgets of a namespace covers one of some Pods of it.
func CoverAny(budgets []*Budget, pods []*corev1.Pod) bool {
	if len(budgets) == 0 || len(pods) == 0 {
		return false
	}
	c := NewCounter(Budgets{pods[0].Namespace: {Budgets: budgets}}, nil)
	return slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return len(c.covering(pod)) > 0 })
}

// covering adds those of some budgets of a Pod's namespace that cover it. It has the label that they demand.
func covering(budgets []*Budget, pod *corev1.Pod, out []*Budget) []*Budget {
	for _, b := range budgets {
		if b.only || b.Covers(pod) {
			out = append(out, b)
		}
	}
	return out
}

// Obstacle says which budget does not let a Pod go that is Ready, and why; nil when all of them do.
func (c *Counter) Obstacle(pod *corev1.Pod) (*Budget, string) {
	for _, b := range c.covering(pod) {
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
	for _, b := range c.covering(pod) {
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
	if known := c.counts[b]; known != nil {
		return known
	}
	out := &count{granted: b.Allowed(), leftOut: map[types.UID]bool{}}
	chains, list := c.chains(b), c.budgets[b.object.Namespace].Pods
	for i := chains.lastWith(b.value); i != noPod; i = chains.before[i] {
		switch pod := &list[i]; {
		case !b.only && !b.Covers(pod):
		case !b.disrupted(pod) && c.serves(pod):
			out.healthy++
		default:
			out.leftOut[pod.UID] = true
		}
	}
	c.counts[b] = out
	return out
}

// chains are the Pods that a budget, or another one that demands the same label, may cover. Each label is looked up once
// in each Pod, however many budgets ask for it.
func (c *Counter) chains(b *Budget) *chains {
	key := indexKey{b.object.Namespace, b.key}
	known := c.pods[key]
	if known == nil {
		known = chainsBy(key.label, c.budgets[key.namespace].Pods)
		c.pods[key] = known
	}
	return known
}

// chainsBy orders Pods by the value of a label; all of them have "" for the label "".
func chainsBy(label string, pods []corev1.Pod) *chains {
	out := &chains{last: map[string]int32{}, before: make([]int32, len(pods))}
	for i := range pods {
		value, labelled := pods[i].Labels[label]
		if labelled || label == "" {
			out.before[i] = out.lastWith(value)
			out.last[value] = int32(i)
		}
	}
	return out
}

// lastWith is the last Pod that has a value, noPod when there is none.
func (c *chains) lastWith(value string) int32 {
	if i, found := c.last[value]; found {
		return i
	}
	return noPod
}
