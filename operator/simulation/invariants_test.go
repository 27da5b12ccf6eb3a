// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// The invariants of a rollout of sidecars, each in its own function. TestEveryInvariantCanFail takes each of the rules
// away that the operator heeds for their sake, and waits for what they say then.

// keepsWorkloads: a Pod is restarted only while fewer Pods of its workload are down, for whatever reason, than
// maxUnavailablePerWorkload says, as far as the operator could know.
func (o *observer) keepsWorkloads(rules *v1beta1.SidecarSetSpec, taken *corev1.Pod) {
	all, down := o.ofWorkload(taken), 0
	for _, pod := range all {
		if pod.UID != taken.UID && !servesOn(pod) {
			down++
		}
	}
	if most := atMost(rules, len(all)); down >= most {
		o.s.fail("%s: Pod %s is restarted with %d of %d Pods of %s down, and no more than %d may be: %s",
			o.actor, taken.Name, down, len(all), workloadOf(taken), most, o.describe(taken))
	}
}

// ofWorkload are the Pods of the workload of one, as far as the operator could know: those that have not ended. One that
// is being deleted belongs to them until another was made in its place.
func (o *observer) ofWorkload(like *corev1.Pod) (out []*corev1.Pod) {
	var leaving []*corev1.Pod
	var born []time.Time
	for _, pod := range o.known() {
		switch {
		case !selected(pod) || workloadOf(pod) != workloadOf(like):
		case pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded:
		case pod.DeletionTimestamp != nil:
			leaving = append(leaving, pod)
		default:
			out, born = append(out, pod), append(born, pod.CreationTimestamp.Time)
		}
	}
	slices.SortFunc(born, time.Time.Compare)
	slices.SortFunc(leaving, func(a, b *corev1.Pod) int { return askedToGo(a).Compare(askedToGo(b)) })
	for _, pod := range leaving {
		after := slices.IndexFunc(born, func(at time.Time) bool { return !at.Before(askedToGo(pod)) })
		if after < 0 {
			out = append(out, pod)
			continue
		}
		born = born[after+1:]
	}
	return out
}

// askedToGo is when somebody asked for the deletion of a Pod.
func askedToGo(pod *corev1.Pod) time.Time {
	return pod.DeletionTimestamp.Add(-time.Duration(ptr.Deref(pod.DeletionGracePeriodSeconds, 0)) * time.Second)
}

// describe tells of all Pods of a workload what the operator could know, and what is so.
func (o *observer) describe(taken *corev1.Pod) string {
	var out []string
	for _, pod := range o.known() {
		if workloadOf(pod) == workloadOf(taken) {
			out = append(out, fmt.Sprintf("%s seems to serve: %t, serves: %t",
				pod.Name, serves(pod), serves(o.s.Pod(client.ObjectKeyFromObject(pod)))))
		}
	}
	return strings.Join(out, "; ")
}

// keepsLastPod: no workload of which the operator knows two Pods or more is brought to none that serves by us. It may be
// when Pods went that the operator could not know of, and where somebody lets all Pods of a workload be down.
func (o *observer) keepsLastPod(rules *v1beta1.SidecarSetSpec, taken *corev1.Pod) {
	others := func(pod *corev1.Pod) bool {
		return selected(pod) && pod.UID != taken.UID && pod.DeletionTimestamp == nil &&
			pod.Status.Phase != corev1.PodFailed && workloadOf(pod) == workloadOf(taken)
	}
	pods := len(o.ofWorkload(taken))
	serving := slices.ContainsFunc(o.s.Pods(), func(pod *corev1.Pod) bool { return others(pod) && servesOn(pod) })
	if pods >= 2 && !serving && atMost(rules, pods) < pods && o.wentUnseen(taken, others) == 0 {
		o.s.fail("%s: %s is restarted, the last Pod of %s that serves of %d", o.actor, taken.Name, workloadOf(taken), pods)
	}
}

// wentUnseen counts Pods, besides the one that is taken now, that serve as far as the operator could know, and do not.
func (o *observer) wentUnseen(taken *corev1.Pod, of func(*corev1.Pod) bool) (count int) {
	for _, pod := range o.known() {
		now := o.s.Pod(client.ObjectKeyFromObject(pod))
		if pod.UID != taken.UID && of(pod) && servesOn(pod) && (now == nil || now.UID != pod.UID || !servesOn(now)) {
			count++
		}
	}
	return count
}

// keepsBudgets: what is taken from a PodDisruptionBudget is no more than somebody allows who sees everything at once,
// and what went without the operator being able to know.
func (o *observer) keepsBudgets(taken *corev1.Pod) {
	for _, budget := range o.s.budgets() {
		matched := o.s.Protected(budget)
		if !slices.ContainsFunc(matched, func(pod *corev1.Pod) bool { return pod.UID == taken.UID }) {
			continue
		}
		healthy := int32(0)
		for _, pod := range matched {
			if _, disrupted := budget.Status.DisruptedPods[pod.Name]; pod.UID != taken.UID && servesOn(pod) && !disrupted {
				healthy++
			}
		}
		unseen := int32(o.wentUnseen(taken, func(pod *corev1.Pod) bool { return world.Covers(budget, pod) }))
		if needed := o.needed(budget); healthy+unseen < needed {
			o.s.fail("%s: %s is restarted, and PodDisruptionBudget %s/%s has %d healthy Pods then of %d that it needs: %s",
				o.actor, taken.Name, budget.Namespace, budget.Name, healthy, needed, o.describe(taken))
		}
	}
}

// needed is how many Pods have to be healthy for a budget: now, or as far as the operator could know, whichever is less.
func (o *observer) needed(budget *policyv1.PodDisruptionBudget) int32 {
	needed := o.s.DisruptionStatus(budget).DesiredHealthy
	for _, object := range o.cacheShows(world.Budget) {
		if object.GetUID() == budget.UID {
			needed = min(needed, object.(*policyv1.PodDisruptionBudget).Status.DesiredHealthy)
		}
	}
	return needed
}

// beginsNothing: with maxUnavailable 0 no update is begun in a Pod that serves. A hot upgrade is carried to its end.
func (o *observer) beginsNothing(rules *v1beta1.SidecarSetSpec, was, is *corev1.Pod) {
	most := rules.UpdateStrategy.MaxUnavailable
	if most.IntValue() != 0 || most.StrVal != "" && most.StrVal != "0%" || !serves(was) {
		return
	}
	if o.beginsIn(was, is) && (restarts(was, is) || !equality.Semantic.DeepEqual(was.Spec, is.Spec)) {
		o.s.fail("%s: maxUnavailable is 0, and an update of Pod %s begins, which serves", o.actor, is.Name)
	}
}

// oneDomain: no update is begun in a Pod of one domain while one that was begun in an earlier domain has not come to its
// end, Pods included that do not serve. One half-way through a hot upgrade goes on with the newer version: its update has
// begun before, and there is no other way out.
func (o *observer) oneDomain(rules *v1beta1.SidecarSetSpec, was, is *corev1.Pod) {
	set := o.object.Name
	if !o.beginsIn(was, is) {
		return
	}
	key := rules.UpdateStrategy.TopologyKey
	domain := o.domain(is, key)
	for _, other := range o.known() {
		if key == "" || other.UID == is.UID || !o.unfinished(set, other.UID) || !o.alive(o.s.Pod(client.ObjectKeyFromObject(other))) {
			continue
		}
		if earlier := o.domain(other, key); compareDomains(earlier, domain) < 0 && !halfWay(was, set) {
			o.s.fail("%s: an update of Pod %s in domain %q begins, and that of Pod %s in domain %q has not ended",
				o.actor, is.Name, domain, other.Name, earlier)
		}
	}
	if o.begun[set] == nil {
		o.begun[set] = map[types.UID]bool{}
	}
	o.begun[set][is.UID] = serves(was)
}

// beginsIn reports whether a write begins an update of a Pod: with the version that it brings, or with what comes before.
func (o *observer) beginsIn(was, is *corev1.Pod) bool {
	set := o.object.Name
	return !open(was, set) && (open(is, set) || sidecarRevisions(was)[set] != sidecarRevisions(is)[set])
}

// halfWay reports whether both containers of a hot upgrade of a set run something.
func halfWay(pod *corev1.Pod, set string) bool {
	one, other := containerOf(pod, set+"-1"), containerOf(pod, set+"-2")
	return one != nil && other != nil && one.Image != emptyImage && other.Image != emptyImage
}

// domain is the value of a label of a Pod's node, as far as the operator could know where the Pod is.
func (o *observer) domain(pod *corev1.Pod, key string) string {
	if seen := o.seenPod(pod); seen != nil {
		pod = seen
	}
	if node := world.Get[*corev1.Node](o.s.Store, world.Node, world.Key{Name: pod.Spec.NodeName}); node != nil {
		return node.Labels[key]
	}
	return ""
}

// compareDomains compares by name; Pods on nodes without the label come last.
func compareDomains(a, b string) int {
	if (a == "") != (b == "") {
		return -cmp.Compare(a, b)
	}
	return cmp.Compare(a, b)
}

// keepsWhatRan: auto remediation deletes no Pod of which a container of its own ran.
func (o *observer) keepsWhatRan(r world.Request, was *corev1.Pod) {
	if o.remediating && (r.Verb == "delete" || r.Verb == "evict") && o.ran[was.UID] {
		o.s.fail("%s: auto remediation deletes Pod %s, and a container of its own ran", o.actor, was.Name)
	}
}
