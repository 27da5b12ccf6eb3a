// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/operator/ledger"
)

const (
	// repairEvery is how often to look whether repair can go on, where nothing that we watch says so.
	repairEvery = 10 * time.Second
	// conflictEvery is how often to look whether another set has given way.
	conflictEvery = time.Minute
	// probeEvery is how long after the last Pod came without its sidecars one more is evicted to see whether the next
	// one gets them.
	probeEvery = 2 * time.Minute
)

// evictWrite is the word by which refused evictions are remembered.
const evictWrite = "evict"

// EvictPod has a Pod created anew that has missed its sidecars.
type EvictPod struct {
	Pod    *corev1.Pod
	Reason string
	// NotServing means that the Pod does not serve, so that its end costs nothing. That has to be true still when it is
	// evicted.
	NotServing bool
	// Takes are the budgets that a Pod that serves is taken from.
	Takes []ledger.Budget
}

// String renders the action for logs.
func (e EvictPod) String() string {
	return fmt.Sprintf("evict Pod %s, to be created anew with its sidecars: %s", podName(e.Pod), e.Reason)
}

// owner is the UID of the controller that makes the Pod again.
func (e EvictPod) owner() types.UID { return metav1.GetControllerOf(e.Pod).UID }

// ProtectedPod is a Pod that the API server does not let us evict.
type ProtectedPod struct {
	Pod *corev1.Pod
	// Words are the API server's; "" when a PodDisruptionBudget keeps the Pod.
	Words string
}

// repair plans to evict Pods without sidecars, where the user asked for it.
//
// An eviction helps only if the Pod that comes next gets its sidecars. So a Pod stays of which that is known not to be
// so, and all Pods of a controller that made one in vain, for as long as the set is at this version. It takes a webhook
// that works, too, and so evidence: the youngest Pod of the set has its sidecars. Without it a single Pod is evicted as
// a probe. If its successor comes without them, no other Pod is evicted for two minutes: however long the webhook is
// away, repair costs no more than that.
func (p *planner) repair() {
	if p.s.Set.Spec.RepairPolicy != v1beta1.RepairRecreate {
		return
	}
	if p.s.Set.Spec.InjectionStrategy.Paused {
		p.plan.Repair = "injection is paused, so their successors would get no sidecars"
		return
	}
	if p.s.noneMayGo() {
		p.plan.Repair = "maxUnavailable is 0, so no Pod is evicted"
		return
	}
	if p.s.WebhookAway != "" {
		p.plan.Repair, p.plan.RepairIn = p.s.WebhookAway+", so their successors would get no sidecars", repairEvery
		return
	}
	families := lineages(p.s)
	p.plan.Futile = inVain(p.s, families)
	candidates := p.repairable()
	down := takenDown(p.s)
	room := maxUnavailable(p.s.Set.Spec.UpdateStrategy.MaxUnavailable, len(p.s.Matched)+len(p.s.Uninjected)) - down - chargedPods(p.s)
	switch newest, age := youngest(p.s); {
	case len(candidates) == 0:
		if len(p.plan.Futile) > 0 {
			p.plan.Repair = "the successor of an evicted Pod came without sidecars too, " +
				"so the others of its controller stay until the set changes"
		}
		return
	case newest == cameInjected:
		p.plan.Evictions, p.plan.EvictBudget = candidates, max(0, room)
	case newest == cameWithout && age < probeEvery:
		p.plan.Repair = "the youngest Pod came without sidecars too: the webhook seems to be out of reach"
		p.plan.RepairIn = probeEvery - age
		return
	case anyUnreplaced(families, metav1.NewTime(p.s.Now)):
		p.plan.Repair = "the successor of the Pod that was evicted to see whether it helps has not come yet"
		p.plan.RepairIn = repairEvery
		return
	default:
		p.plan.Evictions, p.plan.EvictBudget, p.plan.Probe = candidates, max(0, min(1-down, room)), true
	}
	if p.plan.EvictBudget == 0 && !slices.ContainsFunc(candidates, func(e EvictPod) bool { return e.NotServing }) {
		p.plan.Evictions = nil
		p.plan.Repair = "as many Pods as maxUnavailable allows are on their way already"
		p.plan.RepairIn = repairEvery
	}
	if p.plan.EvictBudget > 0 {
		p.spareWorkloads()
	}
}

// spareWorkloads takes the Pods out of the plan that their workloads need.
func (p *planner) spareWorkloads() {
	held := ""
	if p.plan.Evictions, held = p.withinWorkloads(p.plan.Evictions); held != "" {
		p.plan.RepairIn = repairEvery
		if len(p.plan.Evictions) == 0 {
			p.plan.Repair = held
		}
	}
}

// repairable are the Pods that an eviction can help, in order: those that do not serve first, those of which an
// eviction was refused last, and of each controller one before any has a second one.
func (p *planner) repairable() []EvictPod {
	type candidate struct {
		EvictPod
		refused bool
		turn    int
	}
	var out []candidate
	for _, u := range p.s.Uninjected {
		if u.Reason == v1beta1.ReasonSetConflict {
			p.plan.RepairIn = conflictEvery
		}
		if !helps(p.s, u) || p.vain(u.Pod) || p.s.Takes.Taken(u.Pod) {
			continue
		}
		e := EvictPod{Pod: u.Pod, Reason: u.Reason, NotServing: !pods.Ready(u.Pod)}
		protected, refused, waits := protection(p.s, e)
		if refused {
			p.plan.Protected = append(p.plan.Protected, protected)
		}
		if waits {
			p.plan.RepairIn = repairEvery
			continue
		}
		out = append(out, candidate{EvictPod: e, refused: refused})
	}
	order := func(a, b candidate) int {
		return cmp.Or(
			compareBool(a.refused, b.refused), compareBool(!a.NotServing, !b.NotServing),
			cmp.Compare(a.turn, b.turn), cmp.Compare(podName(a.Pod), podName(b.Pod)),
		)
	}
	slices.SortFunc(out, order)
	turns := map[types.UID]int{}
	for i := range out {
		out[i].turn = turns[out[i].owner()]
		turns[out[i].owner()]++
	}
	slices.SortFunc(out, order)
	evictions := make([]EvictPod, 0, len(out))
	for _, c := range out {
		evictions = append(evictions, c.EvictPod)
	}
	return evictions
}

// evictedServing is how many Pods that serve this plan evicts at most.
func (p *planner) evictedServing() int {
	n := 0
	for _, e := range p.plan.Evictions {
		if !e.NotServing && n < p.plan.EvictBudget {
			n++
		}
	}
	return n
}

// helps reports whether a Pod that is made in this one's place would have the sidecars, as far as is known.
func helps(s *Snapshot, u Uninjected) bool {
	if u.Reason == v1beta1.ReasonContainersMissing && s.Set.Spec.InjectionStrategy.Revision != nil {
		return false // it may be pinned to a version without these containers
	}
	return u.Obstacle == "" && createdAnew(u.Pod)
}

// protection is what is known of earlier tries to evict a Pod: whether one was refused, and whether it is too early for
// another. Budgets protect all Pods of a controller alike, and are asked again after a few seconds: they are not
// watched.
func protection(s *Snapshot, e EvictPod) (protected ProtectedPod, refused, waits bool) {
	if r, ok := s.Refusals.Of(e.owner(), evictWrite); ok {
		return ProtectedPod{Pod: e.Pod}, true, s.Now.Sub(r.At) < repairEvery
	}
	if r, ok := s.Refusals.Of(e.Pod.UID, evictWrite); ok {
		if r.Doubtful {
			return ProtectedPod{}, false, r.Waits(s.Now)
		}
		return ProtectedPod{Pod: e.Pod, Words: r.Words}, true, r.Waits(s.Now)
	}
	return ProtectedPod{}, false, false
}

// inVain are the controllers one of whose Pods we evicted, and that have made a Pod since that has no sidecars either,
// for whatever reason; unless the youngest of their Pods has them.
func inVain(s *Snapshot, families map[types.UID]*lineage) []types.UID {
	youngest := map[types.UID]metav1.Time{}
	for _, u := range s.Uninjected {
		noteYoungest(youngest, u.Pod)
	}
	var out []types.UID
	for owner := range youngest {
		if s.Futile[owner] || families[owner].without(s.Uninjected) {
			out = append(out, owner)
		}
	}
	for _, view := range s.Matched {
		owner := metav1.GetControllerOfNoCopy(view.Pod)
		if owner == nil {
			continue
		}
		if without, ok := youngest[owner.UID]; ok && without.Before(&view.Pod.CreationTimestamp) {
			out = slices.DeleteFunc(out, func(uid types.UID) bool { return uid == owner.UID })
		}
	}
	slices.Sort(out)
	return out
}

// noteYoungest keeps the creation time of each controller's youngest Pod.
func noteYoungest(youngest map[types.UID]metav1.Time, pod *corev1.Pod) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return
	}
	if before, ok := youngest[owner.UID]; !ok || before.Before(&pod.CreationTimestamp) {
		youngest[owner.UID] = pod.CreationTimestamp
	}
}

// vain reports whether the Pod's controller has made one without sidecars already, in place of one that we evicted.
func (p *planner) vain(pod *corev1.Pod) bool {
	_, found := slices.BinarySearch(p.plan.Futile, metav1.GetControllerOf(pod).UID)
	return found
}

func anyUnreplaced(families map[types.UID]*lineage, now metav1.Time) bool {
	for _, l := range families {
		if l.unreplaced(now) {
			return true
		}
	}
	return false
}

// chargedPods counts the Pods that an update in place keeps from serving, or is about to.
func chargedPods(s *Snapshot) int {
	n := 0
	for _, view := range s.Matched {
		if charged(s, view) && s.restarting(view) {
			n++
		}
	}
	return n
}

// arrival is how the youngest Pod of a set came into being.
type arrival int

const (
	cameNone     arrival = iota // no Pod is younger than the set
	cameInjected                // with its sidecars
	cameWithout                 // without them, for no reason but the webhook
)

// youngest says how the Pod that was created last came, and its age. Pods older than the set say nothing.
func youngest(s *Snapshot) (arrival, time.Duration) {
	newest, how := s.Set.Object.CreationTimestamp, cameNone
	for _, view := range s.Matched {
		if created := view.Pod.CreationTimestamp; !created.Before(&newest) {
			newest, how = created, cameInjected
		}
	}
	for _, u := range s.Uninjected {
		if created := u.Pod.CreationTimestamp; u.missed() && !created.Before(&newest) {
			newest, how = created, cameWithout
		}
	}
	return how, s.Now.Sub(newest.Time)
}
