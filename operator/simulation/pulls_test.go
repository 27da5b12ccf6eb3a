// SPDX-License-Identifier: Apache-2.0

package simulation

import (
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
	// say what they did, and silent are the images of these: when that was.
	refused, deaf map[string]time.Time
	silent        map[string][]time.Time
	// failed are when a node could not get an image, since one could last.
	failed map[string][]time.Time
	// vain are images of which a pull failed, for however long.
	vain map[string]bool
	// judged are the pullers, by UID, of which the end is noted.
	judged map[types.UID]bool
}

const (
	// believed is how long what a puller showed is believed, and for how long at most one that failed waits.
	believed = 10 * time.Minute
	// mostSilent is how many pullers for an image may find nothing out.
	mostSilent = 3
)

// pullsOf are those of the object of this look.
func (o *observer) pullsOf() *pulls {
	if o.pulls[o.actor] == nil {
		o.pulls[o.actor] = &pulls{
			refused: map[string]time.Time{}, deaf: map[string]time.Time{}, silent: map[string][]time.Time{}, failed: map[string][]time.Time{},
			vain: map[string]bool{}, judged: map[types.UID]bool{},
		}
	}
	return o.pulls[o.actor]
}

// pullerRefused notes that a puller is not taken in its namespace.
func (o *observer) pullerRefused(puller client.Object) {
	p, image := o.pullsOf(), puller.GetAnnotations()[v1beta1.PulledImageAnnotation]
	p.refused[puller.GetNamespace()] = o.s.Now()
	p.silent[image] = append(p.silent[image], o.s.Now())
}

// judgePullers notes what the pullers of the object show that the operator judges in this look: as its cache shows them.
func (o *observer) judgePullers() {
	for _, puller := range o.ownPullers() {
		if p := o.pullsOf(); !p.judged[puller.UID] {
			o.judgePuller(p, puller)
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
	p.judged[puller.UID] = true
	switch status := puller.Status; {
	case slices.ContainsFunc(status.ContainerStatuses, hasImage):
		delete(p.failed, key.Image)
	case status.Phase == corev1.PodFailed && status.Reason != "DeadlineExceeded",
		status.StartTime == nil && now.Sub(puller.CreationTimestamp.Time) >= time.Minute:
		p.deaf[key.Node] = now
		p.silent[key.Image] = append(p.silent[key.Image], now)
	case status.Phase == corev1.PodFailed, now.Sub(began) >= o.lasts(puller)-time.Minute:
		p.failed[key.Image] = append(p.failed[key.Image], now)
	case slices.ContainsFunc(status.ContainerStatuses, waitsInVain): // it may do so for a while
		p.vain[key.Image] = true
		delete(p.judged, puller.UID)
	default:
		delete(p.judged, puller.UID)
	}
}

// hasImage reports whether a puller shows that its node has the image.
func hasImage(c corev1.ContainerStatus) bool { return c.ImageID != "" || c.State.Terminated != nil }

// waitsInVain reports whether a pull fails.
func waitsInVain(c corev1.ContainerStatus) bool {
	return c.State.Waiting != nil && c.State.Waiting.Reason == "ImagePullBackOff"
}

// nobodyKnows reports whether every puller that there could be for an image and a Pod says nothing: where none is taken,
// or after three.
func (o *observer) nobodyKnows(pod *corev1.Pod, image string) bool {
	p, now := o.pullsOf(), o.s.Now()
	fresh := func(at time.Time) bool { return now.Sub(at) < believed }
	if slices.ContainsFunc(p.failed[image], fresh) {
		return false
	}
	said := 0
	for _, at := range p.silent[image] {
		if fresh(at) {
			said++
		}
	}
	return fresh(p.refused[pod.Namespace]) || fresh(p.deaf[pod.Spec.NodeName]) || said >= mostSilent
}

// emptyImage is what the old container of a hot upgrade gets at its end.
const emptyImage = "empty:1"

// pulledFirst: no container is restarted with an image that no node has pulled, or, with policy EveryNode, the Pod's own,
// unless every puller said nothing. Nothing is asked of a Pod without a node, as far as the operator could know, nor at
// the end of a hot upgrade, which asks about workloads and PodDisruptionBudgets alone.
func (o *observer) pulledFirst(policy v1beta1.ImagePreDownloadPolicy, was, is *corev1.Pod) {
	for _, object := range o.cacheShows(world.Pod) {
		if pod := object.(*corev1.Pod); pod.UID == is.UID && pod.Spec.NodeName == "" {
			return
		}
	}
	if policy == v1beta1.ImagePreDownloadOff {
		return
	}
	for i := range is.Spec.Containers {
		image := is.Spec.Containers[i].Image
		has := o.s.nodes.HasAny(image)
		if policy == v1beta1.ImagePreDownloadEveryNode {
			has = o.s.nodes.Has(is.Spec.NodeName, image)
		}
		if image != was.Spec.Containers[i].Image && image != emptyImage && !has && !o.nobodyKnows(is, image) {
			o.s.fail("%s: Pod %s restarts with image %s, which %s has not pulled (%s, any node has: %t, serves: %t, pullers said: %+v)",
				o.actor, is.Name, image, is.Spec.NodeName, policy, o.s.nodes.HasAny(image), serves(was), *o.pullsOf())
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

// deadline is when a puller has to be gone.
func (o *observer) deadline(puller *corev1.Pod) time.Time {
	if o.hurried {
		return puller.CreationTimestamp.Time
	}
	return puller.CreationTimestamp.Add(o.lasts(puller))
}

// lasts is how long a puller may last: a minute longer than its pull.
func (o *observer) lasts(puller *corev1.Pod) time.Duration {
	return time.Duration(*o.versions[puller.ResourceVersion].Spec.ActiveDeadlineSeconds) * time.Second
}
