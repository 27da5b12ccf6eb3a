// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/priority"
)

// order puts candidates in the order in which they are to be updated: those that serve least first, then as
// priorityStrategy says, then spread as scatterStrategy says.
func order(strategy *v1beta1.SidecarSetUpdateStrategy, candidates []*candidate) []*candidate {
	uses := make([]use, len(candidates))
	for i, c := range candidates {
		uses[i] = useOf(c)
	}
	slices.SortFunc(uses, compareUse)
	out := make([]*candidate, len(candidates))
	for i := range uses {
		out[i] = uses[i].candidate
	}
	if p := strategy.PriorityStrategy; p != nil {
		priority.Sort(p, out, func(c *candidate) map[string]string { return c.Pod.Labels })
	}
	for _, term := range scatterTerms(strategy.ScatterStrategy, out) {
		out = scatter(out, term)
	}
	return out
}

// use is what a Pod is good for: what compareUse compares, read once.
type use struct {
	*candidate
	// stage is how far the Pod has come: whether it has a node, then its phase, then whether it serves.
	stage               int
	restarts            int32
	readySince, created time.Time
}

func useOf(c *candidate) use {
	u := use{
		candidate: c, stage: 2 * phaseRank(c.Pod), restarts: restarts(c.Pod),
		readySince: c.ReadySince(), created: c.Pod.CreationTimestamp.Time,
	}
	if c.Pod.Spec.NodeName != "" {
		u.stage += 6
	}
	if c.Ready() {
		u.stage++
	}
	return u
}

// compareUse ranks Pods the way Kubernetes chooses which can be spared: by node, phase, readiness, time since ready,
// restarts, age; and by name, so that the order is always the same.
func compareUse(a, b use) int {
	by := cmp.Or(
		cmp.Compare(a.stage, b.stage), b.readySince.Compare(a.readySince), cmp.Compare(b.restarts, a.restarts), b.created.Compare(a.created),
	)
	switch {
	case by != 0:
		return by
	case a.Pod.Namespace == b.Pod.Namespace:
		return cmp.Compare(a.Pod.Name, b.Pod.Name)
	}
	return cmp.Compare(podName(a.Pod), podName(b.Pod))
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func phaseRank(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodPending:
		return 0
	case corev1.PodRunning:
		return 2
	}
	return 1
}

func restarts(pod *corev1.Pod) (most int32) {
	for i := range pod.Status.ContainerStatuses {
		most = max(most, pod.Status.ContainerStatuses[i].RestartCount)
	}
	return most
}

// scatterTerms are the labels to spread, * replaced by every value that occurs, the one that the fewest candidates have
// first.
func scatterTerms(strategy v1beta1.UpdateScatterStrategy, candidates []*candidate) []v1beta1.UpdateScatterTerm {
	counts := map[v1beta1.UpdateScatterTerm]int{}
	for _, term := range strategy {
		for _, c := range candidates {
			value, ok := c.Pod.Labels[term.Key]
			if ok && (term.Value == "*" || term.Value == value) {
				counts[v1beta1.UpdateScatterTerm{Key: term.Key, Value: value}]++
			}
		}
	}
	terms := make([]v1beta1.UpdateScatterTerm, 0, len(counts))
	for term := range counts {
		terms = append(terms, term)
	}
	slices.SortFunc(terms, func(a, b v1beta1.UpdateScatterTerm) int {
		return cmp.Or(cmp.Compare(counts[a], counts[b]), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	return terms
}

// scatter spreads the candidates that have a label evenly among the others; the last of them comes last of all.
func scatter(candidates []*candidate, term v1beta1.UpdateScatterTerm) []*candidate {
	var matching, others []*candidate
	for _, c := range candidates {
		if value, ok := c.Pod.Labels[term.Key]; ok && value == term.Value {
			matching = append(matching, c)
		} else {
			others = append(others, c)
		}
	}
	out := make([]*candidate, 0, len(candidates))
	for i, c := range matching {
		place := (i+1)*len(candidates)/len(matching) - 1
		take := place - len(out)
		out = append(append(out, others[:take]...), c)
		others = others[take:]
	}
	return append(out, others...)
}
