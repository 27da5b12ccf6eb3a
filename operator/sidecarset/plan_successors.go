// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/workload"
)

const (
	// unreplacedFor is how long an evicted Pod that served counts as down while its controller makes no other.
	// After that it is taken to have been scaled in.
	unreplacedFor = 5 * time.Minute
	// successorWithin is how old an unready Pod may be at most, when the operator begins, to be taken for the successor
	// of one that was evicted before, and for how long from then on it is.
	successorWithin = 5 * time.Minute
)

// lineage is a controller of which Pods were evicted lately.
type lineage struct {
	// evicted are those Pods, oldest first.
	evicted []Evicted
	// successors are the Pods that the controller has made since, oldest first: the first of them in place of the first
	// that was evicted, and so on.
	successors []*corev1.Pod
}

// lineages sorts out by controller what came of evictions.
func lineages(s *Snapshot) map[types.UID]*lineage {
	out := map[types.UID]*lineage{}
	for _, e := range s.Evicted {
		if out[e.Owner] == nil {
			out[e.Owner] = &lineage{}
		}
		out[e.Owner].evicted = append(out[e.Owner].evicted, e)
	}
	if len(out) == 0 {
		return out
	}
	s.eachPod(func(pod *corev1.Pod) {
		owner := metav1.GetControllerOfNoCopy(pod)
		if owner == nil || out[owner.UID] == nil || out[owner.UID].evicted[0].before(pod) {
			return
		}
		out[owner.UID].successors = append(out[owner.UID].successors, pod)
	})
	for _, l := range out {
		slices.SortFunc(l.successors, func(a, b *corev1.Pod) int {
			return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
		})
	}
	return out
}

// down counts the evicted Pods that served and whose successors do not serve yet.
func (l *lineage) down(now metav1.Time) int {
	n := 0
	for i := range l.evicted {
		switch e := &l.evicted[i]; {
		case !e.Served:
		case i < len(l.successors):
			if !pods.Ready(l.successors[i]) {
				n++
			}
		case now.Sub(e.At) < unreplacedFor:
			n++
		}
	}
	return n
}

// without reports whether a successor is among Pods without sidecars.
func (l *lineage) without(pods []Uninjected) bool {
	return l != nil && slices.ContainsFunc(pods, func(u Uninjected) bool { return slices.Contains(l.successors, u.Pod) })
}

// unreplaced reports whether an evicted Pod waits for its successor.
func (l *lineage) unreplaced(now metav1.Time) bool {
	for _, e := range l.evicted[min(len(l.evicted), len(l.successors)):] {
		if now.Sub(e.At) < unreplacedFor {
			return true
		}
	}
	return false
}

// unreplaced are the workloads of evicted Pods that are gone and wait for their successors, one entry for each Pod.
func unreplaced(s *Snapshot) []workload.ID {
	var out []workload.ID
	families := lineages(s)
	if len(families) == 0 {
		return nil
	}
	beside := s.beside()
	for _, l := range families {
		for i := len(l.successors); i < len(l.evicted); i++ {
			if e := &l.evicted[i]; s.Now.Sub(e.At) < unreplacedFor && !beside.Has(e.Pod) {
				out = append(out, e.Workload)
			}
		}
	}
	return out
}

// takenDown counts the Pods that are down because repair evicted Pods that served. What was evicted before the operator
// began is not remembered: then any Pod with its sidecars that came shortly before and is not ready yet may be a
// successor.
func takenDown(s *Snapshot) int {
	n, families := 0, lineages(s)
	for _, l := range families {
		n += l.down(metav1.NewTime(s.Now))
	}
	if s.Set.Spec.RepairPolicy != v1beta1.RepairRecreate || s.Now.Sub(s.Watched) >= successorWithin {
		return n
	}
	for _, view := range s.Matched {
		if view.Ready() || !createdAnew(view.Pod) || families[metav1.GetControllerOf(view.Pod).UID] != nil {
			continue
		}
		age := s.Watched.Sub(view.Pod.CreationTimestamp.Time)
		if age > -successorWithin/5 && age < successorWithin {
			n++
		}
	}
	return n
}

// replacing are the kinds whose controllers make a Pod again when it is gone. To others, such as a Job or a pipeline's
// run, the end of a Pod is a failure.
var replacing = map[schema.GroupKind]bool{
	{Group: "apps", Kind: "ReplicaSet"}:            true,
	{Group: "apps", Kind: "StatefulSet"}:           true,
	{Group: "apps", Kind: "DaemonSet"}:             true,
	{Group: "", Kind: "ReplicationController"}:     true,
	{Group: "apps.kruise.io", Kind: "StatefulSet"}: true,
	{Group: "apps.kruise.io", Kind: "CloneSet"}:    true,
	{Group: "apps.kruise.io", Kind: "DaemonSet"}:   true,
}

// createdAnew reports whether a controller makes the Pod again when it is gone.
func createdAnew(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && replacing[schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()]
}
