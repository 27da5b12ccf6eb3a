// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// waits: every Pod that waits has exactly one reason, and that is true: of what the operator could know when it decided,
// and of what it has done since.
func (o *observer) waits(told *v1beta1.SidecarSet) {
	set := o.cachedSet()
	if set == nil || o.disturbed || o.failedWrites() > 0 || told.Status.ObservedGeneration != set.Generation {
		return
	}
	old, seen, sum := o.behind(set), map[string]bool{}, 0
	for _, w := range told.Status.Waiting {
		sum += int(w.Pods)
		pod := o.knownPod(w.First)
		switch {
		case seen[w.Reason] || seen[w.First]:
			o.s.fail("%s: Pod %s waits for %s, and for something else", o.actor, w.First, w.Reason)
		case pod == nil || o.atEnd(set, pod):
			o.s.fail("%s: Pod %s waits for %s, and nothing is to be done to it", o.actor, w.First, w.Reason)
		case !o.isTrue(set, w.Reason, pod):
			o.s.fail("%s: Pod %s waits for %s, and that is not so: %s", o.actor, w.First, w.Reason, readyMessage(told))
		}
		seen[w.Reason], seen[w.First] = true, true
	}
	if sum > len(old) {
		o.s.fail("%s: %d Pods wait, and %d are not at their end", o.actor, sum, len(old))
	}
}

// readyMessage is what a set says in whole.
func readyMessage(set *v1beta1.SidecarSet) string {
	if c := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionReady); c != nil {
		return c.Message
	}
	return ""
}

// cachedSet is the SidecarSet of this look as the operator sees it, with the rules that it is judged by.
func (o *observer) cachedSet() *v1beta1.SidecarSet {
	for _, object := range o.cacheShows(world.SidecarSet) {
		if o.acts("sidecarset") && object.GetName() == o.object.Name {
			set := object.(*v1beta1.SidecarSet)
			if o.judged != nil {
				set = set.DeepCopy()
				o.judged(&set.Spec)
			}
			return set
		}
	}
	return nil
}

// failedWrites counts those of this look that were not made, before the one of the status.
func (o *observer) failedWrites() int {
	sent := o.s.client.Requests[o.sent:]
	tried := slices.DeleteFunc(slices.Clone(sent), func(r world.Request) bool { return len(r.Verb) > 3 && r.Verb[:4] == "try " })
	return len(tried) - o.made
}

// matched are the live Pods with sidecars of a set.
func (o *observer) matched(set *v1beta1.SidecarSet) []*corev1.Pod {
	return slices.DeleteFunc(o.known(), func(pod *corev1.Pod) bool {
		_, injected := sidecarRevisions(pod)[set.Name]
		return !injected || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
	})
}

// behind are those that are not at their end.
func (o *observer) behind(set *v1beta1.SidecarSet) []*corev1.Pod {
	return slices.DeleteFunc(o.matched(set), func(pod *corev1.Pod) bool { return o.atEnd(set, pod) })
}

func (o *observer) atEnd(set *v1beta1.SidecarSet, pod *corev1.Pod) bool {
	return current(set, pod) && sidecarRevisions(pod)[set.Name] == set.Status.LatestRevision
}

func (o *observer) knownPod(name string) *corev1.Pod {
	for _, pod := range o.known() {
		if pod.Namespace+"/"+pod.Name == name {
			return pod
		}
	}
	return nil
}

// isTrue reports whether a Pod waits for what a status says that it does.
func (o *observer) isTrue(set *v1beta1.SidecarSet, reason string, pod *corev1.Pod) bool {
	restless := func(pods []*corev1.Pod) (n int) {
		for _, other := range pods {
			if seen := o.seenPod(other); o.restless(set, other) || seen != nil && o.restless(set, seen) {
				n++
			}
		}
		return n
	}
	rules, all := &set.Spec.UpdateStrategy, o.matched(set)
	switch reason {
	case v1beta1.WaitingInFlight:
		return o.restless(set, pod) || !serves(pod)
	case v1beta1.WaitingMaxUnavailable:
		return restless(all) >= rules.MaxUnavailable.IntValue()
	case v1beta1.WaitingTopology:
		domain := o.domain(pod, rules.TopologyKey)
		return rules.TopologyKey != "" && slices.ContainsFunc(all, func(other *corev1.Pod) bool {
			return o.domain(other, rules.TopologyKey) != domain && (o.restless(set, other) || !o.atEnd(set, other))
		})
	case v1beta1.WaitingImagePulling:
		return o.pulling(set)
	case v1beta1.WaitingImageUnavailable:
		return o.pullsOf().couldNot(pod, set.Spec.Containers[0].Image, o.s.Now())
	case v1beta1.WaitingHook:
		return open(pod, set.Name)
	case v1beta1.WaitingHookTimeout:
		return stateOf(pod, set.Name) == v1beta1.LifecycleStateNormal
	case v1beta1.WaitingWorkloadUnavailable:
		of := o.ofWorkload(pod)
		return restless(of) >= atMost(&set.Spec, len(of))
	case v1beta1.WaitingDisruptionBudget:
		return o.isProtected(set, pod)
	}
	return false
}

// restless reports whether a Pod does not serve, or has not for long enough, or is about to stop; or whether nobody knows,
// since a write came to nothing.
func (o *observer) restless(set *v1beta1.SidecarSet, pod *corev1.Pod) bool {
	hooked, is := pod.Labels[drainedLabel(set.Name)]
	unhooked := stateOf(pod, set.Name) == v1beta1.LifecycleStateUpdated && is && hooked != "false"
	doubtful := o.s.Now().Sub(o.doubted[client.ObjectKeyFromObject(pod)]) < time.Minute
	return doubtful || !serves(pod) || !sidecar.Serves(pod) || unhooked || !o.settled(set.Name, pod) || !current(set, pod) && resized(set, pod)
}

// resized reports whether a Pod has the image of a set and not its resources.
func resized(set *v1beta1.SidecarSet, pod *corev1.Pod) bool {
	c := containerOf(pod, set.Spec.Containers[0].Name)
	return c == nil || c.Image == set.Spec.Containers[0].Image
}

// settled reports whether a Pod serves, since a set changed it, for as long as that asks for.
func (o *observer) settled(set string, pod *corev1.Pod) bool {
	since, known := o.servesSince[pod.UID]
	return known && o.s.Now().Sub(since) >= o.minReady(set) && o.s.Now().Sub(o.changed[set+" "+string(pod.UID)]) >= o.minReady(set)
}

// pulling reports whether there is a puller of a set, as far as the operator knows, or was before this look; or whether
// none could be made, since a Pod that it was to be for is another one by now.
func (o *observer) pulling(set *v1beta1.SidecarSet) bool {
	is := func(pod *corev1.Pod) bool {
		name, is := pull.OwnerOf(pod, world.SidecarSet)
		return is && name == set.Name
	}
	if o.s.cache.Deaf {
		return true // nobody can count pullers, and so none is made
	}
	gone := func(pod *corev1.Pod) bool {
		now := o.s.Pod(client.ObjectKeyFromObject(pod))
		return now == nil || now.UID != pod.UID || now.Spec.NodeName != pod.Spec.NodeName
	}
	return slices.ContainsFunc(o.known(), is) || slices.ContainsFunc(o.s.Pods(), is) || slices.ContainsFunc(o.behind(set), gone)
}

// isProtected reports whether a PodDisruptionBudget does not let a Pod go, after what this look has taken from it.
func (o *observer) isProtected(set *v1beta1.SidecarSet, pod *corev1.Pod) bool {
	for _, object := range o.cacheShows(world.Budget) {
		budget := object.(*policyv1.PodDisruptionBudget)
		if !world.Covers(budget, pod) {
			continue
		}
		healthy, granted := int32(0), budget.Status.DisruptionsAllowed
		for _, other := range o.known() {
			if !world.Covers(budget, other) {
				continue
			}
			if _, disrupted := budget.Status.DisruptedPods[other.Name]; !disrupted && !o.restless(set, other) {
				healthy++
			}
			if o.written[other.UID] != nil && o.takenNow[client.ObjectKeyFromObject(other)] {
				granted--
			}
		}
		if granted <= 0 || healthy <= budget.Status.DesiredHealthy || budget.Status.ObservedGeneration < budget.Generation {
			return true
		}
	}
	return false
}
