package sidecarset

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

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
// as a probe, and no further one for two minutes if that fails. However long
// the webhook is away, repair therefore costs one Pod in two minutes.
func (p *Plan) repair(s *Snapshot) {
	if s.Set.Spec.RepairPolicy != v1beta1.RepairRecreate {
		return
	}
	repairable := repairable(s)
	if len(repairable) == 0 {
		return
	}
	budget := maxUnavailable(s.Set.Spec.UpdateStrategy.MaxUnavailable, len(s.Matched)+len(s.Uninjected)) - down(s)
	if budget <= 0 {
		p.Repair = "as many Pods as maxUnavailable allows are not ready"
		return
	}
	switch newest, age := youngest(s); {
	case newest == cameInjected:
	case newest == cameWithout && age < probeSeconds:
		p.Repair = "the youngest Pod came without sidecars too: the webhook seems to be out of reach"
		p.RepairIn = probeSeconds - age
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
func repairable(s *Snapshot) []Uninjected {
	var out []Uninjected
	for _, u := range s.Uninjected {
		missed := u.Reason == ReasonMissed || u.Reason == ReasonCreatedBeforeSet || u.Reason == ReasonContainersMissing
		if missed && createdAnew(u.Pod) {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b Uninjected) int {
		return cmp.Or(compareBool(podReady(a.Pod), podReady(b.Pod)), cmp.Compare(podName(a.Pod), podName(b.Pod)))
	})
	return out
}

// createdAnew tells whether a controller makes the Pod again when it is gone. A
// Job would count it as failed, and a static Pod belongs to its node.
func createdAnew(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.Kind != "Job" && owner.Kind != "Node"
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
