// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// Unfinished says what a Pod's last change in place still waits for, "" when all of it is done. It reads what
// OpenKruise recorded as well. A record that nobody can read waits for nothing, and neither does what only OpenKruise's
// node daemon could confirm: that a container's environment shows changed metadata.
//
// It is asked about every Pod in every look at a set, and the record of a change stays when that is done. So nothing is
// decoded as long as the Pod shows that no record can say otherwise.
func Unfinished(pod *corev1.Pod) string {
	words, _ := Awaited(pod)
	return words
}

// Awaited is Unfinished, and tells whether a resize is all that is waited for.
func Awaited(pod *corev1.Pod) (words string, onlyResize bool) {
	if len(pod.Annotations) == 0 {
		return "", false
	}
	revision := pod.Labels[appsv1.ControllerRevisionHashLabelKey]
	if grace, err := ParseGrace(pod.Annotations); err == nil && grace != nil && grace.Revision == revision {
		return fmt.Sprintf("its change waits for the end of a grace period of %ds", grace.GraceSeconds), false
	}
	text, key := either(pod.Annotations, stateKeys...)
	if key == "" || RunsItsImages(pod) && !mentions(text, nextFields, `"restarted"`, `"updateResources"`, owedField) {
		return "", false
	}
	state, err := ParseState(pod.Annotations)
	if err != nil {
		return "", false
	}
	return state.awaited(pod)
}

// RunsItsImages reports whether the kubelet reports for every container the very image that the spec names, by which a
// change of images is done.
func RunsItsImages(pod *corev1.Pod) bool {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			status := pods.Status(pod, list[i].Name)
			if status == nil || status.ImageID == "" {
				return false
			}
			_, digest, pinned := strings.Cut(list[i].Image, "@")
			if pinned && !strings.HasSuffix(status.ImageID, digest) || !pinned && status.Image != list[i].Image {
				return false
			}
		}
	}
	return pods.SpecSeen(pod)
}

// owedField is the name of the field that says what is owed.
const owedField = `"owedResources"`

// nextFields is how the names of fields begin that say what is changed next.
const nextFields = `"next`

// mentions reports whether a record may have one of some fields.
func mentions(text string, fields ...string) bool {
	return slices.ContainsFunc(fields, func(field string) bool { return strings.Contains(text, field) })
}

// awaited is the first thing that is not done. The resize comes last.
func (s *State) awaited(pod *corev1.Pod) (words string, onlyResize bool) {
	if next := s.nextContainers(); len(next) > 0 && s.Revision == pod.Labels[appsv1.ControllerRevisionHashLabelKey] {
		return fmt.Sprintf("containers %s are changed next", strings.Join(next, ", ")), false
	}
	for _, name := range slices.Sorted(maps.Keys(s.LastContainerStatuses)) {
		if text := imageAwaited(pod, name, s.LastContainerStatuses[name], s.UpdateTimestamp); text != "" {
			return text, false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Restarted)) {
		if text := restartAwaited(pod, name, s.Restarted[name]); text != "" {
			return text, false
		}
	}
	words = s.resizeAwaited(pod)
	if words == "" && len(s.owed(pod)) > 0 {
		words = "its resize is refused: " + s.ResizeRefused
	}
	return words, words != ""
}

// imageAwaited says what a container whose image changed waits for. Where OpenKruise has not recorded which container
// ran before, it is proof enough that the one that runs did not start before the change.
func imageAwaited(pod *corev1.Pod, name string, before Replaced, changed metav1.Time) string {
	image, status := pods.Image(pod, name), pods.Status(pod, name)
	if image == "" || Finished(pod, name, before) {
		return ""
	}
	if status == nil || status.Image == "" {
		return fmt.Sprintf("container %s has not started, waiting for %s", name, image)
	}
	started, onlyImage := status.State.Running, before.ContainerID == "" && before.ImageID != ""
	if onlyImage && started != nil && !started.StartedAt.Before(&changed) && pods.SpecSeen(pod) {
		return ""
	}
	if !pods.SpecSeen(pod) {
		return fmt.Sprintf("the kubelet has not seen yet that container %s is to run %s", name, image)
	}
	if reason := pods.BrokenReason(pod, name); reason != "" {
		return fmt.Sprintf("container %s cannot run %s: %s", name, image, reason)
	}
	return fmt.Sprintf("container %s still runs %s, waiting for %s", name, status.Image, image)
}

// restartAwaited says what a container that had to start anew waits for.
func restartAwaited(pod *corev1.Pod, name string, before Restarted) string {
	status := pods.Status(pod, name)
	restarted := status != nil && status.State.Running != nil && status.ContainerID != before.ContainerID && pods.SpecSeen(pod)
	if restarted || pods.Find(pod, name) == nil {
		return ""
	}
	if reason := pods.BrokenReason(pod, name); reason != "" {
		return fmt.Sprintf("container %s cannot be restarted: %s", name, reason)
	}
	return fmt.Sprintf("container %s has not been restarted yet", name)
}

// notDone says what a condition of a resize does.
func notDone(c *corev1.PodCondition) string {
	return strings.TrimRight(fmt.Sprintf("its resize is not done: %s %s: %s", c.Type, c.Reason, c.Message), ": ")
}

// resizeAwaited says what the kubelet's resize waits for. OpenKruise does not record which containers it resized, so
// with it the end of the resize is all.
func (s *State) resizeAwaited(pod *corev1.Pod) string {
	if !s.UpdateResources {
		return ""
	}
	at := slices.IndexFunc(s.Resized, func(name string) bool { return pods.Find(pod, name) != nil && !Resized(pod, name) })
	if c := resizing(pod); c != nil && (at >= 0 || len(s.Resized) == 0) {
		return notDone(c)
	}
	if !pods.SpecSeen(pod) {
		return "the kubelet has not seen its new resources yet"
	}
	if at >= 0 {
		return fmt.Sprintf("container %s does not have its new resources yet", s.Resized[at])
	}
	return ""
}

// nextContainers are those that are still to be written, sorted.
func (s *State) nextContainers() []string {
	out := slices.Collect(maps.Keys(s.NextContainerImages))
	out = slices.AppendSeq(out, maps.Keys(s.NextContainerRefMetadata))
	return union(slices.AppendSeq(out, maps.Keys(s.NextContainerResources)), nil)
}
