// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
)

// A hot-upgrade sidecar has two containers in a Pod. One works; the other runs an empty image and waits. An upgrade
// goes like this:
//
//	          mesh-1        mesh-2        working   versions
//	injected  mesh:1        empty         mesh-1    1 / 0
//	upgrade   mesh:1        mesh:2        mesh-2    1 / 561    both run, the new one takes over
//	finish    empty         mesh:2        mesh-2    0 / 561    once the new one serves
//
// The programs inside learn from the version annotations, which they have as environment variables, who is the newer
// one: the larger number.

// hotPair is a hot-upgrade sidecar in a Pod.
type hotPair struct {
	sidecar *v1beta1.SidecarContainer
	// working is the one that serves, other the one that waits, or the one that is being replaced.
	working, other *pods.Container
}

// pair finds both containers of a hot-upgrade sidecar; nil when the Pod does not have both.
func (v *View) pair(c *v1beta1.SidecarContainer) *hotPair {
	names := namesInPod(c)
	first, second := pods.Find(v.Pod, names[0]), pods.Find(v.Pod, names[1])
	if first == nil || second == nil {
		return nil
	}
	if v.workingContainers()[c.Name] == second.Name {
		return &hotPair{c, second, first}
	}
	return &hotPair{c, first, second}
}

// startHot adds to a change what starts the new image of hot-upgrade sidecars beside the one that works.
func (s *Set) startHot(v *View, change *inplace.Change) {
	working, starts := v.workingContainers(), false
	for i := range s.Spec.Containers {
		c := &s.Spec.Containers[i]
		if !isHot(c) {
			continue
		}
		pair := v.pair(c)
		if pair == nil || pair.working.Image == c.Image {
			continue
		}
		target, old := pair.next(v)
		change.Images[target.Name], starts = c.Image, true
		working[c.Name] = target.Name
		newest, before := s.Object.ResourceVersion, v.Pod.Annotations[versionKey(old)]
		change.Annotations[versionKey(target)], change.Annotations[versionAltKey(target)] = &newest, &before
		change.Annotations[versionAltKey(old)] = &newest
	}
	if starts {
		names := encodeNames(working)
		change.Annotations[v1beta1.SidecarSetWorkingContainersAnnotation] = &names
	}
}

// next chooses the container that gets the new image: the empty one; while an upgrade is under way, the one that does
// not serve; else the one that does not work. A bad image is so replaced by the next one while the last good one serves
// on.
func (p *hotPair) next(v *View) (target, old *pods.Container) {
	switch {
	case p.finished(v):
	case p.working.Image == p.sidecar.UpgradeStrategy.HotUpgradeEmptyImage, !p.serves(v):
		return p.working, p.other
	}
	return p.other, p.working
}

// serves reports whether the working container is ready with the image that it has. Until the kubelet has acted on it,
// what the status says is about the one before.
func (p *hotPair) serves(v *View) bool {
	name := p.working.Name
	if v.update != nil {
		if before, replaced := v.update.LastContainerStatuses[name]; replaced && !inplace.Finished(v.Pod, name, before) {
			return false
		}
	}
	return pods.ContainerReady(v.Pod, name)
}

// finished reports whether only one of the two runs something. The wire marks the one that waits by version 0, whatever
// its empty image is called by now: the set may name another one since, or an admission webhook may have put the name
// of a mirror.
func (p *hotPair) finished(v *View) bool {
	return p.other.Image == p.sidecar.UpgradeStrategy.HotUpgradeEmptyImage ||
		v.Pod.Annotations[versionKey(p.other)] == "0"
}

// HotFinished reports whether all hot upgrades of the set in the Pod have been carried to their end.
func (v *View) HotFinished() bool { return v.hotFinished }

func (v *View) finishesHot() bool {
	for i := range v.set.Spec.Containers {
		if c := &v.set.Spec.Containers[i]; isHot(c) {
			if pair := v.pair(c); pair != nil && !pair.finished(v) {
				return false
			}
		}
	}
	return true
}

// FinishHot computes how to end hot upgrades whose new container serves: the old one gets the empty image. It returns
// nil when there is nothing to end, or when it is too early. The Pod must be at the set's current version.
func (s *Set) FinishHot(v *View, now metav1.Time) (*Update, error) {
	if v.HotFinished() || !v.settled || !s.canFinish(v) {
		return nil, nil
	}
	change := inplace.Change{Images: map[string]string{}, Annotations: map[string]*string{}}
	for i := range s.Spec.Containers {
		c := &s.Spec.Containers[i]
		if !isHot(c) {
			continue
		}
		pair := v.pair(c)
		if pair == nil || pair.finished(v) {
			continue
		}
		change.Images[pair.other.Name] = c.UpgradeStrategy.HotUpgradeEmptyImage
		change.Annotations[versionKey(pair.other)], change.Annotations[versionAltKey(pair.working)] = ptr.To("0"), ptr.To("0")
	}
	updated := v.entries(v1beta1.SidecarSetInPlaceUpdateStateAnnotation).clone()
	if err := updated.put(s.Name(), s.replacedBy(change, v, now)); err != nil {
		return nil, err
	}
	text, err := updated.text()
	if err != nil {
		return nil, err
	}
	return &Update{Change: change, Records: map[string]string{v1beta1.SidecarSetInPlaceUpdateStateAnnotation: text}}, nil
}

// canFinish reports whether the Pod serves without the containers that are to become empty: it is ready, or all its
// other containers are.
func (s *Set) canFinish(v *View) bool {
	if v.Ready() {
		return true
	}
	ending := map[string]bool{}
	for i := range s.Spec.Containers {
		if c := &s.Spec.Containers[i]; isHot(c) {
			if pair := v.pair(c); pair != nil && !pair.finished(v) {
				ending[pair.other.Name] = true
			}
		}
	}
	for i := range v.Pod.Spec.Containers {
		name := v.Pod.Spec.Containers[i].Name
		if !ending[name] && !pods.ContainerReady(v.Pod, name) {
			return false
		}
	}
	return true
}

func versionKey(ref *pods.Container) string {
	return v1beta1.SidecarSetVersionAnnotationPrefix + ref.Name
}

func versionAltKey(ref *pods.Container) string {
	return v1beta1.SidecarSetVersionAltAnnotationPrefix + ref.Name
}
