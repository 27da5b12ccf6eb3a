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

// Edits are the writes that make a change in one Pod. Resize, if not empty, is for the resize subresource and goes
// first: should the second one never be made, everything is done again, and nothing twice. Either may be nil.
type Edits struct {
	Resize, Pod *podpatch.Patch
}

// Empty reports whether there is nothing to write.
func (e Edits) Empty() bool { return e.Resize.Empty() && e.Pod.Empty() }

// Begin renders a change of a Pod that leads it to the revision of a name, with a record of what it replaces. What an
// earlier change left to be written is written too, unless this change says otherwise. The error tells, as Obstacles
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

// render writes a change and its record. A container that is not there any more is passed over.
func render(pod *corev1.Pod, change Change, state *State, now metav1.Time) Edits {
	edits := Edits{Resize: podpatch.New(pod), Pod: podpatch.New(pod)}
	editMetadata(edits.Pod, change)
	editImages(pod, edits.Pod, change, state)
	for _, name := range slices.Sorted(maps.Keys(change.Resources)) {
		if pods.Find(pod, name) != nil {
			edits.Resize.Resources(name, change.Resources[name])
			state.Resized, state.UpdateResources = union(state.Resized, []string{name}), true
		}
	}
	state.UpdateTimestamp = metav1.NewTime(now.UTC())
	edits.Pod.Annotation(v1beta1.InPlaceUpdateStateAnnotation, state.text())
	edits.Pod.RemoveAnnotation(v1beta1.InPlaceUpdateStateLegacyAnnotation)
	return edits
}

func editMetadata(patch *podpatch.Patch, change Change) {
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

// editImages gives containers new images, or the ones they have in another spelling, and records what runs in them.
func editImages(pod *corev1.Pod, patch *podpatch.Patch, change Change, state *State) {
	for _, name := range slices.Sorted(maps.Keys(change.Images)) {
		if at := pods.Find(pod, name); at != nil && at.Image != change.Images[name] {
			patch.Image(name, change.Images[name])
			put(&state.LastContainerStatuses, name, running(pod, name))
			delete(state.Restarted, name)
			state.UpdateImages = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(change.Restart)) {
		at, avoid := pods.Find(pod, name), startedAs(pod, state, name)
		image, err := restartImage(pod, name, change.Restart[name], avoid)
		if at == nil || err != nil {
			continue // only what OpenKruise left comes here with an error: the environment changes with the next restart
		}
		patch.Image(name, image)
		put(&state.Restarted, name, Restarted{
			ContainerID: running(pod, name).ContainerID, Images: union(avoid, []string{at.Image}),
		})
	}
}

// running identifies what a container runs now, as its status says.
func running(pod *corev1.Pod, name string) Replaced {
	if status := pods.Status(pod, name); status != nil {
		return Replaced{ImageID: status.ImageID, ContainerID: status.ContainerID}
	}
	return Replaced{}
}
