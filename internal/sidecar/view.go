// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
)

// View is a Pod as SidecarSets see it: its annotations decoded, once.
type View struct {
	Pod *corev1.Pod

	injected           []string
	hashes             entries
	hashesWithoutImage entries
	updates            entries
	faults             []string
	// recorded are the containers that the hash records name.
	recorded map[string]bool

	ready      bool
	readySince time.Time
	// last is how the Pod stands to the set that was asked about last: a planner asks about one set many times.
	last standing
}

// standing is how a Pod stands to one set.
type standing struct {
	object       *v1beta1.SidecarSet
	full         hashRecord
	withoutImage hashRecord
	update       *updateRecord
	settled      bool
}

// of works out how the Pod stands to a set, once for each set in a row.
func (v *View) of(set *Set) *standing {
	if v.last.object == set.Object {
		return &v.last
	}
	name := set.Name()
	v.last = standing{
		object: set.Object, full: v.hashes.record(name), withoutImage: v.hashesWithoutImage.record(name), update: v.updates.update(name),
	}
	v.last.settled = v.settled(v.last.update)
	return &v.last
}

// Look decodes a Pod's annotations. What cannot be read is as good as absent: no Pod is refused, and no rollout stops,
// for an annotation that somebody garbled.
func Look(pod *corev1.Pod) *View {
	v := &View{Pod: pod, injected: InjectedSets(pod.Annotations)}
	v.hashes = v.decode(v1beta1.SidecarSetHashAnnotation)
	v.hashesWithoutImage = v.decode(v1beta1.SidecarSetHashWithoutImageAnnotation)
	v.updates = v.decode(v1beta1.SidecarSetInPlaceUpdateStateAnnotation)
	v.ready, v.readySince = readiness(pod)
	return v
}

func (v *View) decode(annotation string) entries {
	out, err := parseEntries(v.Pod.Annotations[annotation])
	if err != nil {
		v.faults = append(v.faults, fmt.Sprintf("annotation %s is ignored: %v", annotation, err))
		return entries{}
	}
	return out
}

// Holds reports whether a set was injected into the Pod and all of its containers are there.
func (v *View) Holds(set *Set) bool {
	if !v.Injected(set.Name()) {
		return false
	}
	for i := range set.Spec.Containers {
		for _, name := range namesInPod(&set.Spec.Containers[i]) {
			if v.find(name) == nil {
				return false
			}
		}
	}
	return true
}

// carries reports whether a set is in a new Pod already: its version is recorded, and all of its containers are there
// and say that they were injected.
func (v *View) carries(set *Set) bool {
	all := v.Injected(set.Name()) && v.Updated(set)
	set.eachName(func(c *v1beta1.SidecarContainer, name string, init bool) bool {
		ref := v.find(name)
		all = all && ref != nil && ref.list == listOf(init) && marked(ref.container, c)
		return all
	})
	return all
}

// marked reports whether a container says that it was injected, in the words of its set if that has some.
func marked(c *corev1.Container, sidecar *v1beta1.SidecarContainer) bool {
	if own := findEnv(sidecar.Env, v1beta1.SidecarInjectedEnv); own != nil {
		got := findEnv(c.Env, v1beta1.SidecarInjectedEnv)
		return got != nil && got.Value == own.Value
	}
	return isInjected(c)
}

// injectedContainer reports whether a container of the Pod was injected, as it says itself or as the Pod's records say,
// by us or by OpenKruise.
func (v *View) injectedContainer(c *corev1.Container) bool {
	if isInjected(c) {
		return true
	}
	if v.recorded == nil {
		v.recorded = v.recordedNames()
	}
	return v.recorded[c.Name]
}

// recordedNames are the containers that the Pod's records name. The records have the logical names; a hot-upgrade
// sidecar has two containers of other names.
func (v *View) recordedNames() map[string]bool {
	out := map[string]bool{}
	working := v.workingContainers()
	for set := range v.hashes {
		for _, name := range v.hashes.record(set).SidecarList {
			if _, hot := working[name]; hot {
				out[name+"-1"], out[name+"-2"] = true, true
			} else {
				out[name] = true
			}
		}
	}
	return out
}

// replaceable reports whether the Pod's owner lets a sidecar take the place of a container of this name.
func (v *View) replaceable(name string) bool {
	for listed := range strings.SplitSeq(v.Pod.Annotations[v1beta1.ReplacedBySidecarAnnotation], ",") {
		if strings.TrimSpace(listed) == name {
			return true
		}
	}
	return false
}

// Updated reports whether the Pod is at the set's current version.
func (v *View) Updated(set *Set) bool {
	return v.of(set).full.Hash == set.Hashes.Full
}

// Upgradable reports whether images alone separate the Pod from the set's current version. If not, only a new Pod can
// have it.
func (v *View) Upgradable(set *Set) bool {
	return v.of(set).withoutImage.Hash == set.Hashes.WithoutImage
}

// Settled reports whether the kubelet has carried out the set's last in-place update of the Pod, if there was one.
func (v *View) Settled(set *Set) bool { return v.of(set).settled }

// CarriedOut is Settled, but for new resources that are still to be written: all that was written has been carried out.
func (v *View) CarriedOut(set *Set) bool { return v.Settled(set) || v.carriedOut(v.of(set).update) }

func (v *View) settled(record *updateRecord) bool {
	return v.carriedOut(record) && (record == nil || len(v.owed(record)) == 0)
}

func (v *View) carriedOut(record *updateRecord) bool {
	if len(v.Pod.Spec.Containers) != len(v.Pod.Status.ContainerStatuses) {
		return false
	}
	if record == nil {
		return true
	}
	for name, before := range record.LastContainerStatuses {
		replaced := inplace.Replaced{ImageID: before.ImageID, ContainerID: before.ContainerID}
		if !inplace.Finished(v.Pod, name, replaced) {
			return false
		}
	}
	for _, name := range record.Resized {
		if !inplace.Resized(v.Pod, name) {
			return false
		}
	}
	return true
}

// Touched reports whether the set has ever changed the Pod in place.
func (v *View) Touched(set *Set) bool { return v.of(set).update != nil }

// Ready reports whether the Pod serves: it runs and its Ready condition is true.
func (v *View) Ready() bool { return v.ready }

// ReadySince is when the Pod became ready, zero when it is not.
func (v *View) ReadySince() time.Time { return v.readySince }

func readiness(pod *corev1.Pod) (bool, time.Time) {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return pod.Status.Phase == corev1.PodRunning, c.LastTransitionTime.Time
		}
	}
	return false, time.Time{}
}

// Injected reports whether the Pod says that a set was injected into it.
func (v *View) Injected(name string) bool { return slices.Contains(v.injected, name) }

// SidecarsReady reports whether every sidecar of the set in the Pod is ready.
func (v *View) SidecarsReady(set *Set) bool { return len(v.unreadySidecars(set)) == 0 }

// notStarted are what a kubelet says of a container before it has tried to start it.
var notStarted = map[string]bool{"PodInitializing": true, "ContainerCreating": true}

// SidecarsStarted reports whether the kubelet has got as far as to start every sidecar of the set in the Pod, even if
// it could not.
func (v *View) SidecarsStarted(set *Set) bool {
	started := true
	set.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			status := v.status(name)
			if v.find(name) != nil && (status == nil || status.State.Waiting != nil && notStarted[status.State.Waiting.Reason]) {
				started = false
			}
		}
	})
	return started
}

// Broken names a sidecar of the set that cannot run in the Pod, with the kubelet's reason; empty when there is none.
func (v *View) Broken(set *Set) (name, reason string) {
	set.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, inPod := range namesInPod(c) {
			if r := pods.BrokenReason(v.Pod, inPod); r != "" && name == "" {
				name, reason = inPod, r
			}
		}
	})
	return name, reason
}

// Image is that of a container of the Pod, "" when it has none of the name.
func (v *View) Image(name string) string {
	if ref := v.find(name); ref != nil {
		return ref.container.Image
	}
	return ""
}

// WrittenAt is when the Pod got the version of the set that it says it is at, by injection or by an update.
func (v *View) WrittenAt(set *Set) time.Time { return v.of(set).full.UpdateTimestamp.Time }

// RecordedRevision is the revision of the set that the Pod says it is at.
func (v *View) RecordedRevision(set *Set) string {
	return v.of(set).full.ControllerRevision
}

// containerRef points at a container of the Pod.
type containerRef struct {
	list      string // containers or initContainers
	index     int
	container *corev1.Container
}

// imageChange gives the container another image.
func (r *containerRef) imageChange(image string) ImageChange {
	return ImageChange{List: r.list, Index: r.index, Name: r.container.Name, From: r.container.Image, To: image}
}

// listOf is the name of one of a Pod's two lists of containers.
func listOf(init bool) string {
	if init {
		return "initContainers"
	}
	return "containers"
}

// find looks for a container, or a native sidecar, by name.
func (v *View) find(name string) *containerRef {
	for i := range v.Pod.Spec.Containers {
		if c := &v.Pod.Spec.Containers[i]; c.Name == name {
			return &containerRef{listOf(false), i, c}
		}
	}
	for i := range v.Pod.Spec.InitContainers {
		if c := &v.Pod.Spec.InitContainers[i]; c.Name == name {
			return &containerRef{listOf(true), i, c}
		}
	}
	return nil
}

func (v *View) recordInjection(set *Set, now metav1.Time) error {
	full, withoutImage := set.hashRecords(now)
	if err := v.hashes.put(set.Name(), full); err != nil {
		return err
	}
	return v.hashesWithoutImage.put(set.Name(), withoutImage)
}

// injectionTexts are the annotations of a Pod into which sets were injected.
func (v *View) injectionTexts(sets []string) (map[string]string, error) {
	hashes, err := v.hashes.text()
	if err != nil {
		return nil, err
	}
	withoutImage, err := v.hashesWithoutImage.text()
	if err != nil {
		return nil, err
	}
	return map[string]string{
		v1beta1.SidecarSetHashAnnotation:             hashes,
		v1beta1.SidecarSetHashWithoutImageAnnotation: withoutImage,
		v1beta1.SidecarSetInjectedListAnnotation:     withInjected(v.injected, sets...),
	}, nil
}
