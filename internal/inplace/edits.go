// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"errors"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/internal/pods"
)

// Edits are the writes that make a change in one Pod. Resize, if not empty, is for the resize subresource. Either may be
// nil. Who writes chooses the order, so that whoever is stopped between the two leaves a Pod that is known not to be at
// its end: a record that would say too much goes last, and one that says what is to follow goes first.
type Edits struct {
	Resize, Pod *podpatch.Patch
}

// Empty reports whether there is nothing to write.
func (e Edits) Empty() bool { return e.Resize.Empty() && e.Pod.Empty() }

// Write renders a change of a Pod, with annotations that record it. Containers that are not there any more are passed
// over, and of Restart nothing is written: those containers are among Images by now, or are not restarted.
func Write(pod *corev1.Pod, change Change, records map[string]string) Edits {
	edits := Edits{Resize: podpatch.New(pod), Pod: podpatch.New(pod)}
	writeMetadata(edits.Pod, change)
	for key, value := range records {
		edits.Pod.Annotation(key, value)
	}
	for _, name := range slices.Sorted(maps.Keys(change.Images)) {
		edits.Pod.Image(name, change.Images[name])
	}
	if change.ResizeRefused != "" {
		return edits
	}
	for _, name := range slices.Sorted(maps.Keys(change.Resources)) {
		edits.Resize.Resources(name, change.Resources[name])
	}
	return edits
}

// Begin renders a change of a Pod that leads it to the revision of a name, with a record of what it replaces. What an
// earlier change left to be written is written too, unless this change says otherwise. The error says, as Obstacles
// does, why the Pod cannot take the change.
func Begin(pod *corev1.Pod, change Change, revision string, now metav1.Time) (Edits, error) {
	if obstacles := change.Obstacles(pod); len(obstacles) > 0 {
		return Edits{}, errors.New(strings.Join(obstacles, "; "))
	}
	leftover, earlier := outstanding(pod)
	whole := leftover.merge(change)
	state := &State{Revision: revision, LastContainerStatuses: map[string]Replaced{}}
	if earlier != nil {
		carryOver(pod, earlier, state)
	}
	edits := render(pod, whole, state, now)
	edits.Pod.Label(appsv1.ControllerRevisionHashLabelKey, revision)
	dropGrace(edits.Pod)
	return edits, nil
}

// carryOver keeps what an earlier change recorded of containers that the kubelet has not brought to it yet.
func carryOver(pod *corev1.Pod, earlier, state *State) {
	for name, before := range earlier.LastContainerStatuses {
		if imageAwaited(pod, name, before, earlier.UpdateTimestamp) != "" {
			state.LastContainerStatuses[name] = before
		}
	}
	for name, before := range earlier.Restarted {
		if restartAwaited(pod, name, before) != "" {
			put(&state.Restarted, name, before)
		}
	}
	state.Resized = slices.DeleteFunc(slices.Clone(earlier.Resized), func(name string) bool { return Resized(pod, name) })
	state.UpdateResources = len(state.Resized) > 0
	state.UpdateImages = len(state.LastContainerStatuses) > 0
}

// render writes a change of a StatefulSet's Pod and its record.
func render(pod *corev1.Pod, change Change, state *State, now metav1.Time) Edits {
	change = state.note(pod, change)
	state.UpdateTimestamp = metav1.NewTime(now.UTC())
	edits := Write(pod, change, map[string]string{v1beta1.InPlaceUpdateStateAnnotation: state.text()})
	edits.Pod.RemoveAnnotation(v1beta1.InPlaceUpdateStateLegacyAnnotation)
	return edits
}

func writeMetadata(patch *podpatch.Patch, change Change) {
	for key, value := range change.Labels {
		if value == nil {
			patch.RemoveLabel(key)
		} else {
			patch.Label(key, *value)
		}
	}
	for key, value := range change.Annotations {
		if value == nil {
			patch.RemoveAnnotation(key)
		} else {
			patch.Annotation(key, *value)
		}
	}
	for _, name := range change.AddFinalizers {
		patch.AddFinalizer(name)
	}
	for _, name := range change.RemoveFinalizers {
		patch.RemoveFinalizer(name)
	}
}

// note records what runs in the containers that a change is about. It returns the change with the containers that have
// to start anew among those that get another image: theirs, in another spelling.
func (s *State) note(pod *corev1.Pod, change Change) Change {
	images := maps.Clone(change.Images)
	for name, image := range change.Images {
		if at := pods.Find(pod, name); at != nil && at.Image != image {
			put(&s.LastContainerStatuses, name, Running(pod, name))
			delete(s.Restarted, name)
			s.UpdateImages = true
		}
	}
	for name, template := range change.Restart {
		at, avoid := pods.Find(pod, name), startedAs(pod, s, name)
		image, err := restartImage(pod, name, template, avoid)
		if at == nil || err != nil {
			continue // only what OpenKruise left comes here with an error: the environment changes with the next restart
		}
		put(&images, name, image)
		put(&s.Restarted, name, Restarted{ContainerID: Running(pod, name).ContainerID, Images: union(avoid, []string{at.Image})})
	}
	s.noteResize(pod, change)
	change.Images = images
	return change
}

// noteResize records which containers are resized, or which resources are owed to them.
func (s *State) noteResize(pod *corev1.Pod, change Change) {
	s.OwedResources, s.ResizeRefused = nil, change.ResizeRefused
	for name, resources := range change.Resources {
		at := pods.Find(pod, name)
		switch {
		case at == nil:
		case change.ResizeRefused == "":
			s.Resized, s.UpdateResources = union(s.Resized, []string{name}), true
		case ChangedAmounts(at.Resources, resources) != nil:
			put(&s.OwedResources, name, resources)
		}
	}
}
