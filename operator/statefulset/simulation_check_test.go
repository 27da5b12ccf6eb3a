// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// observer knows what must never happen in a simulation. It judges the operator by what it could know: by what it saw
// when it last looked.
type observer struct {
	w *world
	// spec and seen are what the operator saw, at a time.
	spec *v1beta1.StatefulSetSpec
	seen map[string]*corev1.Pod
	at   time.Time
	// trusted tells that everything that was decided in the last look was done.
	trusted bool
	// taken are the ordinals whose Pods we took down: they were available when we wrote to them, and no Pod of theirs
	// has served since.
	taken map[int]bool
	// forbidden is the image that a policy refuses, "" for none.
	forbidden string
	// doomed are the claims by UID that rightly go with a Pod that is gone.
	doomed map[types.UID]bool
}

func newObserver(w *world) *observer {
	o := &observer{w: w, taken: map[int]bool{}, doomed: map[types.UID]bool{}}
	w.Collected = o.collected
	w.Watchers = append(w.Watchers, func(e cluster.Event) {
		if e.Kind == cluster.Pod && e.After == nil {
			o.gone(e.Key.Name)
		}
	})
	return o
}

func (o *observer) fail(format string, args ...any) {
	o.w.T.Helper()
	o.w.T.Fatalf(format+"\n%s", append(args, o.w.tail())...)
}

// saw notes what a look of the operator begins with.
func (o *observer) saw(s *Snapshot) {
	o.spec, o.at, o.trusted = &s.Set.Spec, s.Now, false
	o.seen = map[string]*corev1.Pod{}
	for _, view := range s.Pods {
		o.seen[view.Pod.Name] = view.Pod
	}
}

// decided judges a whole plan.
func (o *observer) decided(plan *Plan, outcome *Outcome) {
	o.trusted = outcome.Err() == nil && outcome.Stale == 0 && !outcome.Collided && o.w.cache.Pending(cluster.Claim) == 0
	rolling := o.spec.UpdateStrategy.RollingUpdate
	kept := ordinals(o.spec)
	kept = kept[:min(int(*rolling.Partition), len(kept))]
	for _, d := range plan.Delete {
		if d.Cause == CauseUpdate {
			o.mayUpdate(d.View, rolling, kept)
		}
	}
	for _, c := range plan.Change {
		if c.Updates {
			o.mayUpdate(c.View, rolling, kept)
		}
	}
}

// mayUpdate: no Pod is updated while the rollout is paused, nor below the partition, unless it cannot run at a revision
// that nobody asks for any more.
func (o *observer) mayUpdate(view *View, rolling *v1beta1.RollingUpdateStatefulSetStrategy, kept []int) {
	if rolling.Paused {
		o.fail("%s is updated though the rollout is paused", view.Pod.Name)
	}
	if rolling.UnorderedUpdate == nil && slices.Contains(kept, view.Ordinal) && view.Broken == "" {
		o.fail("%s is updated though the partition is %d", view.Pod.Name, *rolling.Partition)
	}
}

// observe judges one write.
func (o *observer) observe(r cluster.Request, before, after client.Object) {
	o.w.T.Helper()
	switch r.Kind {
	case cluster.Claim:
		was, _ := before.(*corev1.PersistentVolumeClaim)
		o.wroteClaim(r, was, after.(*corev1.PersistentVolumeClaim))
		return
	case cluster.StatefulSet:
		if r.Verb != "patch/status" {
			o.fail("%s: nobody but its owner changes the set", r)
		}
		return
	case cluster.Pod:
	default:
		return
	}
	was, _ := before.(*corev1.Pod)
	is, _ := after.(*corev1.Pod)
	o.notInVain(was, is)
	switch r.Verb {
	case "create":
		o.inOrder(is)
	case "delete":
		o.notHooked(was)
		fallthrough
	default:
		if o.available(was) && !o.available(is) {
			o.takenDown(was)
		}
	}
}

// notInVain: no Pod leaves service for a change that would be refused.
func (o *observer) notInVain(was, is *corev1.Pod) {
	if was != nil && is != nil && !draining(was) && draining(is) && o.spec.Template.Spec.Containers[0].Image == o.forbidden {
		o.fail("%s is taken out of service for image %s, which a policy refuses", is.Name, o.forbidden)
	}
}

// draining reports whether a Pod was taken out of service for a change in place.
func draining(pod *corev1.Pod) bool {
	c := pods.Condition(pod, v1beta1.InPlaceUpdateReadyCondition)
	return pods.IsFalse(c) && c.Reason == v1beta1.ReasonStartInPlaceUpdate
}

// inOrder: with OrderedReady a Pod is only made when all before it are available.
func (o *observer) inOrder(pod *corev1.Pod) {
	if o.spec.PodManagementPolicy != "OrderedReady" {
		return
	}
	for _, ordinal := range ordinals(o.spec) {
		if ordinal >= ordinalOf("web", pod.Name) {
			return
		}
		if before := podName(o.w.set("web"), ordinal); !o.available(o.seen[before]) {
			o.fail("%s is made though %s is not available", pod.Name, before)
		}
	}
}

// notHooked: no Pod is deleted while its preDelete hook holds it.
func (o *observer) notHooked(pod *corev1.Pod) {
	if o.spec.Lifecycle == nil || o.spec.Lifecycle.PreDelete == nil {
		return
	}
	if seen := o.seen[pod.Name]; seen != nil && slices.Contains(seen.Finalizers, finalizer) {
		o.fail("%s is deleted though its preDelete hook holds it", pod.Name)
	}
}

// takenDown: never more Pods are down because of us than maxUnavailable allows. Pods that there should not be any more
// are the user's doing.
func (o *observer) takenDown(pod *corev1.Pod) {
	ordinal := ordinalOf("web", pod.Name)
	if !slices.Contains(ordinals(o.spec), ordinal) {
		return
	}
	o.taken[ordinal] = true
	if most := o.spec.UpdateStrategy.RollingUpdate.MaxUnavailable.IntValue(); len(o.taken) > most {
		o.fail("%s is taken down: Pods %v are down because of us, maxUnavailable is %d", pod.Name, o.taken, most)
	}
}

// available reports whether a Pod serves, and has for minReadySeconds.
func (o *observer) available(pod *corev1.Pod) bool {
	return serves(pod) && !pods.Condition(pod, corev1.PodReady).LastTransitionTime.Add(time.Duration(o.spec.MinReadySeconds)*time.Second).After(o.at)
}

// serves reports whether a Pod gets traffic, will get it a moment later, and waits for nothing.
func serves(pod *corev1.Pod) bool {
	if pod == nil || pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning || !pods.IsTrue(pods.Condition(pod, corev1.PodReady)) {
		return false
	}
	if state := pod.Labels[v1beta1.LifecycleStateLabel]; state != "" && state != "Normal" {
		return false
	}
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Image != pod.Spec.Containers[i].Image {
			return false
		}
	}
	return true
}

// wroteClaim: a claim is given to a Pod only when it may go with it.
func (o *observer) wroteClaim(r cluster.Request, was, claim *corev1.PersistentVolumeClaim) {
	if r.Verb == "delete" {
		o.fail("%s: claims are left to the garbage collector", r)
	}
	if ownedByPod(claim) && !ownedByPod(was) {
		if o.doomed[claim.UID] = true; !o.mayGo(claim) {
			o.fail("claim %s is given to its Pod, against the retention policy", claim.Name)
		}
	}
}

func ownedByPod(claim *corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(claim.OwnerReferences, isPod)
}

// mayGo reports whether a claim may go with its Pod: when its ordinal is not wanted any more and whenScaled is Delete.
func (o *observer) mayGo(claim *corev1.PersistentVolumeClaim) bool {
	return o.spec.PersistentVolumeClaimRetentionPolicy.WhenScaled == v1beta1.DeletePersistentVolumeClaimRetentionPolicy &&
		!slices.Contains(ordinals(o.spec), ordinalOf("data-web", claim.Name))
}

// gone: when a Pod is gone only claims go with it that still may. What has changed since the operator last looked, or
// what went wrong then, it could do nothing about.
func (o *observer) gone(pod string) {
	claim, ours := o.w.claim("data-"+pod), o.seen[pod] != nil
	if claim != nil && ours && ownedByPod(claim) && o.trusted && !o.mayGo(claim) {
		o.fail("claim %s goes with %s, against the retention policy", claim.Name, pod)
	}
}

// collected: claims are deleted with their Pods, and for no other reason.
func (o *observer) collected(_ string, key cluster.Key) {
	if claim := o.w.claim(key.Name); !o.doomed[claim.UID] {
		o.fail("claim %s is deleted though it was never given to a Pod", claim.Name)
	}
}

// check is what must hold after every step.
func (o *observer) check() {
	o.w.T.Helper()
	if o.spec == nil {
		return
	}
	wanted := ordinals(o.spec)
	seen := map[int]types.UID{}
	for _, pod := range o.w.Pods() {
		ordinal := ordinalOf("web", pod.Name)
		if other, twice := seen[ordinal]; twice {
			o.fail("ordinal %d has two Pods: %s and %s", ordinal, other, pod.UID)
		}
		seen[ordinal] = pod.UID
		if serves(pod) {
			delete(o.taken, ordinal)
		}
	}
	for ordinal := range o.taken {
		if !slices.Contains(wanted, ordinal) {
			delete(o.taken, ordinal)
		}
	}
}

// converged reports whether there are exactly the Pods that there should be, all available at the newest revision, with
// claims as large as asked.
func (o *observer) converged() bool {
	o.w.cache.Sync()
	s := o.w.snapshot()
	plan, err := makePlan(s)
	if err != nil {
		o.fail("%v", err)
	}
	if len(s.Pods) != len(plan.Layout.members) || len(o.w.Pods()) != len(s.Pods) {
		return false
	}
	for i := range plan.Layout.members {
		m := &plan.Layout.members[i]
		if !m.available() || m.Revision != plan.Revisions.Update || m.Pod.Spec.Containers[0].Image != "app:final" || m.Orphan {
			return false
		}
	}
	return len(plan.lines()) == 0 && o.grown(plan)
}

// grown reports whether all claims have what their templates ask for.
func (o *observer) grown(plan *Plan) bool {
	set := o.w.set("web")
	if set.Spec.VolumeClaimUpdateStrategy.Type != v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy {
		return true
	}
	for i := range set.Spec.VolumeClaimTemplates {
		asked := storage(&set.Spec.VolumeClaimTemplates[i])
		for _, m := range plan.Layout.members {
			claim := o.w.claim(claimName("data", set, m.Ordinal))
			if claim == nil {
				return false
			}
			if has := storage(claim); has.Cmp(asked) < 0 {
				return false
			}
		}
	}
	return true
}
