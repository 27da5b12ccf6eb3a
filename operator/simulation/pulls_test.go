// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// pulls are what the observer knows of the pullers of one object, in this life of the operator.
type pulls struct {
	// refused are namespaces in which the API server took no puller, deaf are nodes whose kubelets took none or did not
	// say what they did, and lost are where somebody else has ended one: when that was.
	refused, deaf map[string]time.Time
	lost          map[spot]time.Time
	// shown is what became of pullers, in the order in which the operator could know it.
	shown []shown
	// made are the pullers, by UID, that the operator knows it has made and has not asked to delete.
	made map[types.UID]*corev1.Pod
	// failing are the pullers, by UID, of which a pull fails, and since when the operator could know; vain are where one
	// did, for however long.
	failing map[types.UID]time.Time
	vain    map[pull.Key]bool
	// judged are the pullers, by UID, of which the end is noted.
	judged map[types.UID]bool
}

// spot is a namespace on a node.
type spot struct{ namespace, node string }

// shown is what became of a puller.
type shown struct {
	pull.Key
	namespace string
	state     pull.State
	at        time.Time
}

const (
	// believed is how long it is believed that a node has an image, or that a puller finds nothing out.
	believed = 10 * time.Minute
	// suspected is how long a namespace that could not get an image has to prove that it can, and counted how long nothing
	// restarts with an image that could not be had.
	suspected, counted = 20 * time.Minute, time.Hour
	// hopeless is how long a pull may fail.
	hopeless = 30 * time.Second
	// mostSilent is how many pullers for an image may find nothing out.
	mostSilent = 3
)

// pullsOf are those of the object of this look.
func (o *observer) pullsOf() *pulls {
	if o.pulls[o.actor] == nil {
		o.pulls[o.actor] = &pulls{
			refused: map[string]time.Time{}, deaf: map[string]time.Time{}, lost: map[spot]time.Time{}, made: map[types.UID]*corev1.Pod{},
			failing: map[types.UID]time.Time{}, vain: map[pull.Key]bool{}, judged: map[types.UID]bool{},
		}
	}
	return o.pulls[o.actor]
}

// pullerRefused notes that a puller is not taken in its namespace.
func (o *observer) pullerRefused(puller *corev1.Pod) {
	p := o.pullsOf()
	p.refused[puller.Namespace] = o.s.Now()
	p.note(puller, pull.SaysNothing, o.s.Now())
}

func (p *pulls) note(puller *corev1.Pod, state pull.State, at time.Time) {
	p.shown = append(p.shown, shown{pull.KeyOf(puller), puller.Namespace, state, at})
}

// judgePullers notes what the pullers of the object show that the operator judges in this look: as its cache shows them.
// One that it has made, and that is there no more without having been asked to go, somebody else has ended.
func (o *observer) judgePullers() {
	p, now, there := o.pullsOf(), o.s.Now(), map[types.UID]bool{}
	for _, puller := range o.ownPullers() {
		there[puller.UID] = true
		if !p.judged[puller.UID] {
			o.judgePuller(p, puller)
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(p.made)) {
		if puller := p.made[uid]; !there[uid] {
			p.lost[spot{puller.Namespace, puller.Spec.NodeName}] = now
			p.note(puller, pull.SaysNothing, now)
			delete(p.made, uid)
		}
	}
}

// ownPullers are the pullers of the object, as the cache shows them.
func (o *observer) ownPullers() (out []*corev1.Pod) {
	for _, object := range o.cacheShows(world.Pod) {
		pod := object.(*corev1.Pod)
		name, is := pull.OwnerOf(pod, o.ownerKind())
		if is && name == o.object.Name && (o.object.Namespace == "" || o.object.Namespace == pod.Namespace) {
			out = append(out, pod)
		}
	}
	return out
}

func (o *observer) judgePuller(p *pulls, puller *corev1.Pod) {
	key, now, began := pull.KeyOf(puller), o.s.Now(), puller.CreationTimestamp.Time
	if start := puller.Status.StartTime; start != nil {
		began = start.Time
	}
	status, late := puller.Status, now.Sub(began) >= o.patience()
	fails := slices.ContainsFunc(status.ContainerStatuses, waitsInVain)
	if fails && p.failing[puller.UID].IsZero() {
		p.failing[puller.UID], p.vain[key] = now, true
	}
	p.judged[puller.UID] = true
	switch {
	case slices.ContainsFunc(status.ContainerStatuses, hasImage):
		p.note(puller, pull.Has, now)
	case status.Phase == corev1.PodFailed && !(status.Reason == "DeadlineExceeded" && late),
		status.Phase != corev1.PodFailed && status.StartTime == nil && now.Sub(puller.CreationTimestamp.Time) >= time.Minute:
		p.deaf[key.Node] = now
		p.note(puller, pull.SaysNothing, now)
	case status.Phase == corev1.PodFailed, late, fails && now.Sub(p.failing[puller.UID]) >= hopeless:
		p.note(puller, pull.Cannot, now)
	default:
		delete(p.judged, puller.UID)
	}
}

// patience is how long a pull of the object of this look may take.
func (o *observer) patience() time.Duration {
	seconds := int32(600)
	if set := o.cachedSet(); set != nil {
		if own := set.Spec.UpdateStrategy.ImagePreDownload; own != nil && own.TimeoutSeconds != nil {
			seconds = *own.TimeoutSeconds
		}
	}
	for _, object := range o.cacheShows(world.StatefulSet) {
		if set := object.(*v1beta1.StatefulSet); o.acts("statefulset") && client.ObjectKeyFromObject(set) == o.object {
			settings, _ := pull.SettingsOf(set)
			seconds = settings.TimeoutSeconds
		}
	}
	return time.Duration(seconds) * time.Second
}

// hasImage reports whether a puller shows that its node has the image.
func hasImage(c corev1.ContainerStatus) bool { return c.ImageID != "" || c.State.Terminated != nil }

// waitsInVain reports whether a pull fails.
func waitsInVain(c corev1.ContainerStatus) bool {
	return c.State.Waiting != nil && c.State.Waiting.Reason == "ImagePullBackOff"
}

// last is what some pullers showed last, of those that showed whether an image can be had.
func (p *pulls) last(of func(shown) bool) shown {
	for _, s := range slices.Backward(p.shown) {
		if s.state != pull.SaysNothing && of(s) {
			return s
		}
	}
	return shown{}
}

// suspects reports whether a namespace could not get an image when it tried last.
func (p *pulls) suspects(namespace, image string, now time.Time) bool {
	last := p.last(func(s shown) bool { return s.namespace == namespace && s.Image == image })
	return last.state == pull.Cannot && now.Sub(last.at) < suspected
}

// saysNothing reports whether no puller that there could be for a Pod finds anything out: where none is taken, or after
// three.
func (p *pulls) saysNothing(pod *corev1.Pod, now time.Time, of func(shown) bool) bool {
	fresh := func(at time.Time) bool { return now.Sub(at) < believed }
	said := 0
	for _, s := range p.shown {
		if s.state == pull.SaysNothing && fresh(s.at) && of(s) {
			said++
		}
	}
	node := pod.Spec.NodeName
	return fresh(p.refused[pod.Namespace]) || fresh(p.deaf[node]) || fresh(p.lost[spot{pod.Namespace, node}]) || said >= mostSilent
}

// mayPullItself reports whether every puller that there could be for an image says nothing: none could not get it.
func (p *pulls) mayPullItself(pod *corev1.Pod, image string, now time.Time) bool {
	of := func(s shown) bool { return s.Image == image }
	last := p.last(of)
	return (last.state != pull.Cannot || now.Sub(last.at) >= counted) && p.saysNothing(pod, now, of)
}

// mayPullThere is the same about a Pod's node: for its namespace alone if that could not get the image, else for all that
// could.
func (p *pulls) mayPullThere(pod *corev1.Pod, image string, now time.Time) bool {
	here, suspect := pull.Key{Node: pod.Spec.NodeName, Image: image}, p.suspects(pod.Namespace, image, now)
	last := p.last(func(s shown) bool {
		mine := s.namespace == pod.Namespace || !suspect && !p.suspects(s.namespace, image, now)
		return s.Key == here && mine
	})
	return (last.state != pull.Cannot || now.Sub(last.at) >= counted) &&
		p.saysNothing(pod, now, func(s shown) bool { return s.Key == here })
}

// hasProven reports whether a puller of a Pod's namespace has shown last that its node has an image.
func (p *pulls) hasProven(pod *corev1.Pod, image string, now time.Time) bool {
	last := p.last(func(s shown) bool {
		return s.Node == pod.Spec.NodeName && s.Image == image && s.namespace == pod.Namespace
	})
	return last.state == pull.Has && now.Sub(last.at) < believed
}

// couldNot reports whether an image could not be had, since it could last, anywhere or on a Pod's own node.
func (p *pulls) couldNot(pod *corev1.Pod, image string, now time.Time) bool {
	cannot := func(of func(shown) bool) bool {
		last := p.last(of)
		return last.state == pull.Cannot && now.Sub(last.at) < counted
	}
	return p.vain[pull.Key{Node: pod.Spec.NodeName, Image: image}] || cannot(func(s shown) bool { return s.Image == image }) ||
		cannot(func(s shown) bool { return s.Image == image && s.Node == pod.Spec.NodeName }) ||
		cannot(func(s shown) bool {
			return s.Image == image && s.Node == pod.Spec.NodeName && s.namespace == pod.Namespace
		})
}

// emptyImage is what the old container of a hot upgrade gets at its end.
const emptyImage = "empty:1"

// pulledFirst: no container is restarted with an image that no node has pulled, or, with policy EveryNode, the Pod's own,
// unless every puller said nothing. Where the Pod's namespace could not get the image, its own puller has shown on the
// Pod's node that it can by now, whatever the policy. Nothing is asked of a Pod without a node, as far as the operator
// could know, nor at the end of a hot upgrade, which asks about workloads and PodDisruptionBudgets alone.
func (o *observer) pulledFirst(policy v1beta1.ImagePreDownloadPolicy, was, is *corev1.Pod) {
	if seen := o.seenPod(is); seen != nil && seen.Spec.NodeName == "" || policy == v1beta1.ImagePreDownloadOff {
		return
	}
	for i := range is.Spec.Containers {
		image := is.Spec.Containers[i].Image
		if image == was.Spec.Containers[i].Image || image == emptyImage {
			continue
		}
		p, now := o.pullsOf(), o.s.Now()
		suspect := p.suspects(is.Namespace, image, now)
		somewhere := o.s.nodes.HasAny(image) || p.mayPullItself(is, image, now)
		own := policy != v1beta1.ImagePreDownloadEveryNode || o.s.nodes.Has(is.Spec.NodeName, image) || p.mayPullThere(is, image, now)
		trusted := !suspect || p.hasProven(is, image, now) || p.mayPullThere(is, image, now)
		if !somewhere || !own || !trusted {
			o.s.fail("%s: Pod %s restarts with image %s, which %s has not pulled (%s, any node may have: %t, its own: %t, its namespace: %t): %+v",
				o.actor, is.Name, image, is.Spec.NodeName, policy, somewhere, own, trusted, p.shown)
		}
	}
}

// preDownload is the policy of a SidecarSet.
func (o *observer) preDownloadOf(rules *v1beta1.SidecarSetSpec) v1beta1.ImagePreDownloadPolicy {
	if own := rules.UpdateStrategy.ImagePreDownload; own != nil && own.Policy != "" {
		return own.Policy
	}
	return o.s.preDownload
}

// endsPullers: at the end of a look at an object none of its pullers is left that was past its deadline when the look
// began, as the operator could know.
func (o *observer) endsPullers() {
	if o.disturbed || o.s.dead {
		return
	}
	for _, puller := range o.ownPullers() {
		now := o.s.Pod(client.ObjectKeyFromObject(puller))
		if left := o.deadline(puller).Sub(o.s.Now()); left <= 0 && now != nil && now.UID == puller.UID && now.DeletionTimestamp == nil {
			o.s.fail("%s: Pod %s, which pulls an image, outlives its deadline by %s", o.actor, puller.Name, -left)
		}
	}
}

func (o *observer) ownerKind() string {
	if o.acts("sidecarset") {
		return world.SidecarSet
	}
	return world.StatefulSet
}

// deadline is when the operator ends a puller at the latest: its time runs from when its kubelet took it, which is to be
// within a minute. How long it has is what the object says now.
func (o *observer) deadline(puller *corev1.Pod) time.Time {
	created, start := puller.CreationTimestamp.Time, puller.Status.StartTime
	switch {
	case o.hurried:
		return created
	case start == nil:
		return created.Add(min(time.Minute, o.patience()))
	}
	return start.Add(o.patience())
}
