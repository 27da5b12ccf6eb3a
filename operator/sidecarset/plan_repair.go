package sidecarset

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// unreplacedSeconds is how often to look whether evicted Pods that found no
// successor are forgotten.
const unreplacedSeconds = 60

// probeSeconds is how long after the last Pod came without its sidecars one
// more is evicted to see whether the next one gets them.
const probeSeconds = 120

// EvictPod has a Pod created anew that has missed its sidecars.
type EvictPod struct {
	Pod    *corev1.Pod
	Reason string
}

// Evicted is a Pod that was evicted a while ago.
type Evicted struct {
	// Pod and Owner are the UIDs of the Pod and its controller.
	Pod, Owner types.UID
	// Second is when, to the second, as creation times are.
	Second metav1.Time
}

// String renders the action for logs.
func (e EvictPod) String() string {
	return fmt.Sprintf("evict Pod %s, to be created anew with its sidecars: %s", podName(e.Pod), e.Reason)
}

// repair plans to evict Pods without sidecars, where the user asked for it.
//
// An eviction only helps while the webhook works, so it needs evidence: the
// youngest Pod of the set has its sidecars. Without it a single Pod is evicted
// as a probe. If its successor comes without them too, no other Pod is evicted
// for two minutes, and none of the same controller for five: however long the
// webhook is away, repair costs no more than that.
func (p *Plan) repair(s *Snapshot) {
	if s.Set.Spec.RepairPolicy != v1beta1.RepairRecreate {
		return
	}
	if s.Set.Spec.InjectionStrategy.Paused {
		p.Repair = "injection is paused, so their successors would get no sidecars"
		return
	}
	futile := futileOwners(s)
	repairable := repairable(s, futile)
	if len(repairable) == 0 {
		if len(futile) > 0 {
			p.Repair = "the successor of an evicted Pod came without sidecars too"
			p.RepairIn = unreplacedSeconds
		}
		return
	}
	budget := maxUnavailable(s.Set.Spec.UpdateStrategy.MaxUnavailable, len(s.Matched)+len(s.Uninjected)) - down(s)
	if budget <= 0 {
		p.Repair = "as many Pods as maxUnavailable allows are not ready"
		p.RepairIn = unreplacedSeconds
		return
	}
	switch newest, age := youngest(s); {
	case newest == cameInjected:
	case newest == cameWithout && age < probeSeconds:
		p.Repair = "the youngest Pod came without sidecars too: the webhook seems to be out of reach"
		p.RepairIn = probeSeconds - age
		return
	case unreplaced(s) > 0:
		p.Repair = "the successor of the Pod that was evicted to see whether it helps has not come yet"
		p.RepairIn = unreplacedSeconds
		return
	default:
		budget = 1
	}
	for _, u := range repairable[:min(budget, len(repairable))] {
		p.Evictions = append(p.Evictions, EvictPod(u))
	}
}

// repairable are the Pods that an eviction can help, those that do not serve
// first.
func repairable(s *Snapshot, futile map[types.UID]bool) []Uninjected {
	var out []Uninjected
	for _, u := range s.Uninjected {
		missed := u.Reason == ReasonMissed || u.Reason == ReasonCreatedBeforeSet ||
			(u.Reason == ReasonContainersMissing && s.Set.Spec.InjectionStrategy.Revision == nil)
		if missed && createdAnew(u.Pod) && !futile[metav1.GetControllerOf(u.Pod).UID] {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b Uninjected) int {
		return cmp.Or(compareBool(podReady(a.Pod), podReady(b.Pod)), cmp.Compare(podName(a.Pod), podName(b.Pod)))
	})
	return out
}

// futileOwners are the controllers one of whose Pods we evicted, and that have
// made a Pod since that has no sidecars either, for whatever reason.
func futileOwners(s *Snapshot) map[types.UID]bool {
	out := map[types.UID]bool{}
	for _, e := range s.Evicted {
		for _, u := range s.Uninjected {
			owner := metav1.GetControllerOf(u.Pod)
			if owner != nil && owner.UID == e.Owner && u.Pod.UID != e.Pod && e.Second.Before(&u.Pod.CreationTimestamp) {
				out[e.Owner] = true
			}
		}
	}
	return out
}

// replacing are the kinds whose controllers make a Pod again when it is gone. To
// others, such as a Job or a pipeline's run, the end of a Pod is a failure.
var replacing = map[schema.GroupKind]bool{
	{Group: "apps", Kind: "ReplicaSet"}:            true,
	{Group: "apps", Kind: "StatefulSet"}:           true,
	{Group: "apps", Kind: "DaemonSet"}:             true,
	{Group: "", Kind: "ReplicationController"}:     true,
	{Group: "apps.kruise.io", Kind: "StatefulSet"}: true,
	{Group: "apps.kruise.io", Kind: "CloneSet"}:    true,
	{Group: "apps.kruise.io", Kind: "DaemonSet"}:   true,
}

// createdAnew tells whether a controller makes the Pod again when it is gone.
func createdAnew(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && replacing[schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()]
}

// down counts all Pods of the set that do not serve, for whatever reason, and
// those that are gone and whose successors have not come yet.
func down(s *Snapshot) int {
	n := 0
	for _, view := range s.Matched {
		if !view.Ready() {
			n++
		}
	}
	for _, u := range s.Uninjected {
		if !podReady(u.Pod) {
			n++
		}
	}
	return n + unreplaced(s)
}

// unreplaced counts the evicted Pods for which their controllers have not made
// another Pod since.
func unreplaced(s *Snapshot) int {
	missing := map[types.UID]int{}
	since := map[types.UID]metav1.Time{}
	gone := map[types.UID]bool{}
	for _, e := range s.Evicted {
		missing[e.Owner]++
		gone[e.Pod] = true
		if first, ok := since[e.Owner]; !ok || e.Second.Before(&first) {
			since[e.Owner] = e.Second
		}
	}
	replace := func(pod *corev1.Pod) {
		owner := metav1.GetControllerOf(pod)
		if owner == nil || gone[pod.UID] {
			return
		}
		if first, ok := since[owner.UID]; ok && !pod.CreationTimestamp.Before(&first) && missing[owner.UID] > 0 {
			missing[owner.UID]--
		}
	}
	for _, view := range s.Matched {
		replace(view.Pod)
	}
	for _, u := range s.Uninjected {
		replace(u.Pod)
	}
	n := 0
	for _, m := range missing {
		n += m
	}
	return n
}

// arrival is how the youngest Pod of a set came into being.
type arrival int

const (
	cameNone     arrival = iota // no Pod is younger than the set
	cameInjected                // with its sidecars
	cameWithout                 // without them
)

// youngest tells how the Pod that was created last came, and its age in
// seconds. Pods older than the set say nothing.
func youngest(s *Snapshot) (arrival, float64) {
	newest, how := s.Set.Object.CreationTimestamp, cameNone
	for _, view := range s.Matched {
		if created := view.Pod.CreationTimestamp; !created.Before(&newest) {
			newest, how = created, cameInjected
		}
	}
	for _, u := range s.Uninjected {
		if created := u.Pod.CreationTimestamp; u.Reason == ReasonMissed && !created.Before(&newest) {
			newest, how = created, cameWithout
		}
	}
	return how, s.Now.Sub(newest.Time).Seconds()
}

func podReady(pod *corev1.Pod) bool {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
