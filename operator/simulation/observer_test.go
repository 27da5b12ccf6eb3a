// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// observer knows what must never happen. It sees every version of every object, and judges the operator by what it
// could know: by what its cache showed when it looked.
type observer struct {
	s *simulation
	look
	// taken are by actor the Pods that it took out of service: they served when they were written to, and have not
	// served since. The Pods of a StatefulSet are known by name, since it is to replace them, all others by UID.
	taken map[string]map[string]bool
	// changes counts the changes of a Pod by one generation of a SidecarSet.
	changes map[string]int
	// claims are those that there have been.
	claims map[world.Key]types.UID
	promises
}

// look is the one that is under way.
type look struct {
	// actor is the controller and the object that it looks at, "" between looks.
	actor  string
	object types.NamespacedName
	// writes counts those of this look, by what they say.
	writes map[string]int
	// cached is what the cache showed when the look had been planned, by kind; nil before its first write.
	cached map[string][]client.Object
	// disturbed tells that what was planned is not what was done: a write failed, or somebody else was faster.
	disturbed bool
	// sent is how many requests there were before the look, made how many writes of it were made, and takenNow are the
	// serving Pods that it took.
	sent, made int
	takenNow   map[types.NamespacedName]bool
}

func newObserver(s *simulation) *observer {
	o := &observer{s: s, taken: map[string]map[string]bool{}, changes: map[string]int{}, claims: map[world.Key]types.UID{}, promises: newPromises()}
	s.Watchers = append(s.Watchers, o.happened)
	return o
}

// begins notes what a look begins with.
func (o *observer) begins(controller string, request reconcile.Request) {
	o.look = look{actor: controller + " " + requestName(request), object: request.NamespacedName, writes: map[string]int{}, takenNow: map[types.NamespacedName]bool{}}
	o.sent = len(o.s.client.Requests)
	o.s.headline = o.actor
}

// planned notes what the operator knows when it makes its first write: nothing is read after that, but for what auto
// remediation does before.
func (o *observer) planned(r world.Request) {
	if o.cached != nil || o.remediating || r.Kind == world.SchedPatch || r.Kind == "Lease" {
		return
	}
	o.cached = map[string][]client.Object{}
	for _, kind := range []string{world.Pod, world.SidecarSet, world.StatefulSet, world.Budget} {
		o.cached[kind] = o.s.cache.Objects(kind)
	}
	if o.acts("sidecarset") || o.acts("statefulset") {
		o.judgePullers()
	}
	if o.acts("sidecarset") {
		o.carriedOutIdle(o.object.Name)
	}
}

// cacheShows are the objects of a kind that the look goes by.
func (o *observer) cacheShows(kind string) []client.Object {
	if o.cached != nil {
		return o.cached[kind]
	}
	return o.s.cache.Objects(kind)
}

// seen is what the operator sees of the object that it looks at: maxUnavailable, and the generation.
func (o *observer) seen() (most int, generation int64) {
	for _, object := range o.cacheShows(world.SidecarSet) {
		if set := object.(*v1beta1.SidecarSet); o.acts("sidecarset") && set.Name == o.object.Name {
			return set.Spec.UpdateStrategy.MaxUnavailable.IntValue(), set.Generation
		}
	}
	for _, object := range o.cacheShows(world.StatefulSet) {
		if set := object.(*v1beta1.StatefulSet); o.acts("statefulset") && client.ObjectKeyFromObject(set) == o.object {
			return set.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable.IntValue(), set.Generation
		}
	}
	return 0, 0
}

// ends judges what a look comes to; err is what it did not come to its end for.
func (o *observer) ends(err error) {
	if err == nil && (o.acts("sidecarset") || o.acts("statefulset")) {
		if o.cached == nil {
			o.judgePullers()
		}
		o.endsPullers()
	}
	o.look, o.s.headline = look{}, ""
}

func (o *observer) acts(controller string) bool { return strings.HasPrefix(o.actor, controller+" ") }

// once: no look makes the same kind of write to a Pod twice.
func (o *observer) once(r world.Request) {
	if o.writes[r.String()]++; o.writes[r.String()] > 1 {
		o.s.fail("%s: %s for the second time in one look", o.actor, r)
	}
}

// wrote judges a write of the operator that was made.
func (o *observer) wrote(r world.Request, before, after client.Object) {
	o.s.say("    %s", r)
	o.made++
	switch r.Kind {
	case world.Pod:
		was, _ := before.(*corev1.Pod)
		is, _ := after.(*corev1.Pod)
		o.wrotePod(r, was, is)
	case world.SidecarSet:
		o.toldSidecars(after.(*v1beta1.SidecarSet))
		o.waits(after.(*v1beta1.SidecarSet))
	case world.StatefulSet:
		o.toldSet(after.(*v1beta1.StatefulSet))
	}
}

func (o *observer) wrotePod(r world.Request, was, is *corev1.Pod) {
	o.once(r)
	o.recorded(was, is)
	if was == nil {
		return
	}
	o.meant(r, was)
	o.keepsWhatRan(r, was)
	o.promised(was, is)
	if is != nil {
		o.written[is.UID] = is
		o.keptOthers(r, was, is)
		o.keptHolds(r, was, is)
	}
	if o.acts("sidecarset") && is != nil && !equality.Semantic.DeepEqual(was.Spec, is.Spec) {
		o.counted(r, was)
	}
	if serves(was) && !serves(is) {
		o.tookDown(was)
	}
}

// meant: what was decided about a Pod happens to no other one of its name.
func (o *observer) meant(r world.Request, was *corev1.Pod) {
	for _, pod := range o.cacheShows(world.Pod) {
		if client.ObjectKeyFromObject(pod) == r.Key() && pod.GetUID() != was.UID {
			o.s.fail("%s: %s was decided about Pod %s, and %s has its name by now", o.actor, r, pod.GetUID(), was.UID)
		}
	}
}

// counted: one generation of a SidecarSet changes the containers of a Pod once, and once more where they are resized or a
// hot upgrade ends.
func (o *observer) counted(r world.Request, pod *corev1.Pod) {
	_, generation := o.seen()
	key := fmt.Sprintf("%s/%d of %s", o.actor, generation, pod.UID)
	if o.changes[key]++; o.changes[key] > 2 {
		o.s.fail("%s: %s is change %d of the Pod for generation %d", o.actor, r, o.changes[key], generation)
	}
}

// keptOthers: a controller changes no container that is another's.
func (o *observer) keptOthers(r world.Request, was, is *corev1.Pod) {
	for i := range was.Spec.Containers {
		before, after := &was.Spec.Containers[i], &is.Spec.Containers[i]
		if !o.owns(before.Name) && !equality.Semantic.DeepEqual(before, after) {
			o.s.fail("%s: %s changes container %s: %v -> %v", o.actor, r, before.Name, before, after)
		}
	}
}

// keptHolds: nobody ends a hold by which others keep a Pod from being Ready, or begins one in their name.
func (o *observer) keptHolds(r world.Request, was, is *corev1.Pod) {
	before, after := podready.Holds(was), podready.Holds(is)
	for _, h := range slices.Concat(before, after) {
		kept := slices.Contains(before, h) && slices.Contains(after, h)
		own := o.acts("statefulset") && h.UserAgent == v1beta1.LifecycleReadinessAgent ||
			o.acts("sidecarset") && h == podready.OfSidecarSet(o.object.Name)
		if !kept && !own {
			o.s.fail("%s: %s changes what another one holds the Pod by: %v -> %v", o.actor, r, before, after)
		}
	}
}

func (o *observer) owns(container string) bool {
	switch container {
	case "agent":
		return o.actor == "sidecarset agent"
	case "mesh-1", "mesh-2":
		return o.actor == "sidecarset mesh"
	}
	return o.acts("statefulset")
}

// recorded: no Pod is marked with a revision that is not recorded.
func (o *observer) recorded(was, is *corev1.Pod) {
	if is == nil {
		return
	}
	name := is.Labels[appsv1.ControllerRevisionHashLabelKey]
	if name != "" && (was == nil || was.Labels[appsv1.ControllerRevisionHashLabelKey] != name) {
		o.isRecorded(is, world.Key{Namespace: is.Namespace, Name: name})
	}
	if was == nil {
		return
	}
	before, after := sidecarRevisions(was), sidecarRevisions(is)
	for _, set := range slices.Sorted(maps.Keys(after)) {
		if after[set] != before[set] {
			o.isRecorded(is, world.Key{Namespace: home, Name: after[set]})
		}
	}
}

func (o *observer) isRecorded(pod *corev1.Pod, revision world.Key) {
	if world.Get[*appsv1.ControllerRevision](o.s.Store, world.Revision, revision) == nil {
		o.s.fail("%s: Pod %s is marked with revision %s, which is not recorded", o.actor, pod.Name, revision)
	}
}

// sidecarRevisions are the revisions of SidecarSets that a Pod says it is at.
func sidecarRevisions(pod *corev1.Pod) map[string]string {
	records := map[string]struct {
		ControllerRevision string `json:"controllerRevision"`
	}{}
	_ = json.Unmarshal([]byte(pod.Annotations[v1beta1.SidecarSetHashAnnotation]), &records)
	out := map[string]string{}
	for set, record := range records {
		out[set] = record.ControllerRevision
	}
	return out
}

// tookDown: never more Pods are out of service because of a controller than its maxUnavailable allows. Pods that there
// should not be any more are the user's doing.
func (o *observer) tookDown(pod *corev1.Pod) {
	key := string(pod.UID)
	if o.acts("statefulset") {
		if key = pod.Name; !o.wanted(pod) {
			return
		}
	}
	if o.taken[o.actor] == nil {
		o.taken[o.actor] = map[string]bool{}
	}
	o.taken[o.actor][key] = true
	o.forgetLost()
	most, _ := o.seen()
	if o.acts("sidecarset") && most == 0 {
		most = 1 // what was begun before is carried to its end, see beginsNothing
	}
	if len(o.taken[o.actor]) > most {
		o.s.fail("%s: %s is taken down: %v are down because of us, maxUnavailable is %d", o.actor, pod.Name, o.taken[o.actor], most)
	}
}

// forgetLost takes Pods off the SidecarSets whose nodes do not answer any more: that may be so without any change of them.
func (o *observer) forgetLost() {
	for _, pod := range o.s.Pods() {
		if o.alive(pod) {
			continue
		}
		for actor, taken := range o.taken {
			if strings.HasPrefix(actor, "sidecarset ") {
				delete(taken, string(pod.UID))
			}
		}
	}
}

// wanted reports whether the set of this look, as the cache shows it, is to have the Pod's ordinal.
func (o *observer) wanted(pod *corev1.Pod) bool {
	_, ordinal, _ := podcache.SplitOrdinal(pod.Name)
	for _, object := range o.cacheShows(world.StatefulSet) {
		if set := object.(*v1beta1.StatefulSet); client.ObjectKeyFromObject(set) == o.object {
			return ordinal < int(*set.Spec.Replicas)
		}
	}
	return false
}

// serves reports whether a Pod gets traffic and runs what it should.
func serves(pod *corev1.Pod) bool {
	if pod == nil || pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
		return false
	}
	ready := world.Condition(pod, corev1.PodReady)
	if ready == nil || ready.Status != corev1.ConditionTrue || len(pod.Status.ContainerStatuses) != len(pod.Spec.Containers) {
		return false
	}
	for _, gate := range pod.Spec.ReadinessGates {
		if c := world.Condition(pod, gate.ConditionType); c == nil || c.Status != corev1.ConditionTrue {
			return false
		}
	}
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Image != pod.Spec.Containers[i].Image {
			return false
		}
	}
	return true
}

// happened judges every change of the store, whoever made it.
func (o *observer) happened(e world.Event) {
	switch e.Kind {
	case world.Pod:
		was, _ := e.Before.(*corev1.Pod)
		is, _ := e.After.(*corev1.Pod)
		o.podChanged(was, is)
		o.noted(was, is)
	case world.Claim:
		if e.After == nil {
			o.s.fail("claim %s is gone", e.Key)
		} else if before := o.claims[e.Key]; before != "" && before != e.After.GetUID() {
			o.s.fail("claim %s is another one", e.Key)
		}
		if e.After != nil {
			o.claims[e.Key] = e.After.GetUID()
		}
	case world.StatefulSet:
		o.scaled(e.After.(*v1beta1.StatefulSet))
	}
}

func (o *observer) podChanged(was, is *corev1.Pod) {
	if was == nil && !pull.Is(is) {
		o.hasSidecars(is)
	} else if was != nil && (is == nil || !o.alive(is)) {
		for actor, taken := range o.taken {
			if strings.HasPrefix(actor, "sidecarset ") {
				delete(taken, string(was.UID))
			}
		}
	}
	if serves(is) {
		for actor, taken := range o.taken {
			if strings.HasPrefix(actor, "sidecarset ") {
				delete(taken, string(is.UID))
			} else if owner := metav1.GetControllerOf(is); owner != nil && actor == "statefulset "+is.Namespace+"/"+owner.Name {
				delete(taken, is.Name)
			}
		}
	}
}

// alive reports whether a Pod that is down may be so because of a SidecarSet: one whose node is lost, or that is at its
// end, is not.
func (o *observer) alive(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodFailed && !o.s.nodes.Unreachable(pod)
}

// hasSidecars: where injection is enforced no Pod comes without its sidecars.
func (o *observer) hasSidecars(pod *corev1.Pod) {
	namespace := world.Get[*corev1.Namespace](o.s.Store, world.Namespace, world.Key{Name: pod.Namespace})
	if namespace.Labels[v1beta1.InjectionLabel] != v1beta1.InjectionEnforced {
		return
	}
	for _, name := range []string{"agent", "mesh-1", "mesh-2"} {
		if containerOf(pod, name) == nil {
			o.s.fail("Pod %s comes without %s", pod.Name, name)
		}
	}
}

// scaled forgets Pods that are not to be there any more.
func (o *observer) scaled(set *v1beta1.StatefulSet) {
	for name := range o.taken["statefulset "+set.Namespace+"/"+set.Name] {
		if _, ordinal, _ := podcache.SplitOrdinal(name); ordinal >= int(*set.Spec.Replicas) {
			delete(o.taken["statefulset "+set.Namespace+"/"+set.Name], name)
		}
	}
}

// toldSidecars: a status that says done is true of what the operator could see.
func (o *observer) toldSidecars(set *v1beta1.SidecarSet) {
	ready := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionReady)
	if !o.acts("sidecarset") || set.Status.ObservedGeneration != set.Generation || ready == nil || ready.Reason != v1beta1.ReasonComplete {
		return
	}
	if limited(set) {
		return // Pods without a recorded version cannot be resized
	}
	for _, object := range o.cacheShows(world.Pod) {
		pod := object.(*corev1.Pod)
		if _, injected := sidecarRevisions(pod)[set.Name]; injected && o.alive(pod) && !has(set, pod) {
			o.s.fail("SidecarSet %s says that it is complete, and Pod %s has another version of it: %v", set.Name, pod.Name, set.Status.Conditions)
		}
	}
}

// has reports whether a Pod was given a SidecarSet's image. The end of a hot upgrade is not waited for where the Pod does
// not serve for other reasons.
func has(set *v1beta1.SidecarSet, pod *corev1.Pod) bool {
	return current(set, pod) || slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return strings.HasPrefix(c.Name, set.Spec.Containers[0].Name+"-") && c.Image == set.Spec.Containers[0].Image
	})
}

// limited reports whether a set says that it cannot bring all Pods up to date in place.
func limited(set *v1beta1.SidecarSet) bool {
	return meta.IsStatusConditionTrue(set.Status.Conditions, v1beta1.ConditionUpdateLimited)
}

// current reports whether a Pod has a SidecarSet's image.
func current(set *v1beta1.SidecarSet, pod *corev1.Pod) bool {
	want := &set.Spec.Containers[0]
	if c := containerOf(pod, want.Name); c != nil {
		return c.Image == want.Image && equality.Semantic.DeepEqual(c.Resources, want.Resources)
	}
	images := []string{}
	for _, name := range []string{want.Name + "-1", want.Name + "-2"} {
		if c := containerOf(pod, name); c != nil {
			images = append(images, c.Image)
		}
	}
	slices.Sort(images)
	return slices.Equal(images, []string{emptyImage, want.Image})
}

// toldSet: a StatefulSet that says that it is rolled out has all of its Pods, as the operator could see them, at the
// update revision and ready.
func (o *observer) toldSet(set *v1beta1.StatefulSet) {
	ready := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionReady)
	if !o.acts("statefulset") || set.Status.ObservedGeneration != set.Generation || ready == nil || ready.Status != metav1.ConditionTrue {
		return
	}
	count := 0
	for _, object := range o.cacheShows(world.Pod) {
		pod := object.(*corev1.Pod)
		if metav1.IsControlledBy(pod, set) && pod.DeletionTimestamp == nil {
			count++
			if c := world.Condition(pod, corev1.PodReady); c == nil || c.Status != corev1.ConditionTrue {
				o.s.fail("StatefulSet %s says that it is ready, and Pod %s is not", set.Name, pod.Name)
			}
		}
	}
	if count != int(*set.Spec.Replicas) {
		o.s.fail("StatefulSet %s says that it is ready with %d Pods of %d", set.Name, count, *set.Spec.Replicas)
	}
}

// check is what must hold after every step: an ordinal has one Pod.
func (o *observer) check() {
	seen := map[string]types.UID{}
	for _, pod := range o.s.Pods() {
		parent, ordinal, ok := podcache.SplitOrdinal(pod.Name)
		if !ok || metav1.GetControllerOf(pod) == nil || metav1.GetControllerOf(pod).Kind != world.StatefulSet {
			continue
		}
		key := fmt.Sprintf("%s/%s-%d", pod.Namespace, parent, ordinal)
		if other, twice := seen[key]; twice {
			o.s.fail("ordinal %s has two Pods: %s and %s", key, other, pod.UID)
		}
		seen[key] = pod.UID
	}
}
