// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"iter"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// container is what the kubelet says of a container of a Pod.
type container struct {
	pod    *corev1.Pod
	status *corev1.ContainerStatus
}

// containers are those that the kubelet reports, init containers first.
func containers(pod *corev1.Pod) iter.Seq[container] {
	return func(yield func(container) bool) {
		for status := range pods.Statuses(pod) {
			if !yield(container{pod, status}) {
				return
			}
		}
	}
}

// image is that of the container as the spec has it.
func (c container) image() string { return pods.Image(c.pod, c.status.Name) }

// failure is why the container cannot be started, "" when nothing is said.
func (c container) failure() (reason, message string) {
	if t := c.status.State.Terminated; t != nil && !ran(t) {
		return reasonStartError, t.Message
	}
	waiting := c.status.State.Waiting
	if waiting == nil {
		return "", ""
	}
	if last := c.status.LastTerminationState.Terminated; waiting.Reason == "CrashLoopBackOff" && last != nil && !ran(last) {
		return reasonStartError, last.Message
	}
	return waiting.Reason, waiting.Message
}

// says is what the kubelet says of the container.
func (c container) says(reason, message string) words {
	return words{container: c.status.Name, image: c.image(), reason: reason, message: message}
}

// started reports whether the container has ever run, as far as the Pod still shows it.
func (c container) started() bool {
	if c.status.State.Running != nil {
		return true
	}
	for _, t := range []*corev1.ContainerStateTerminated{c.status.State.Terminated, c.status.LastTerminationState.Terminated} {
		if t != nil && ran(t) {
			return true
		}
	}
	return false
}

// firstStart is when the container started, zero when that was not its first start or the Pod does not say.
func (c container) firstStart() metav1.Time {
	switch {
	case c.status.RestartCount > 0:
		return metav1.Time{}
	case c.status.State.Running != nil:
		return c.status.State.Running.StartedAt
	case c.status.State.Terminated != nil:
		return c.status.State.Terminated.StartedAt
	}
	return metav1.Time{}
}

// ran reports whether a container that has ended had begun. Only the two reasons by which runtimes say that it had not
// are believed.
func ran(t *corev1.ContainerStateTerminated) bool {
	return t.Reason != reasonStartError && t.Reason != "ContainerCannotRun"
}

// starts reports whether a container with this image has ever started, any container for "", and when the last of them
// did so for the first time.
func starts(pod *corev1.Pod, image string) (started bool, first metav1.Time) {
	for c := range containers(pod) {
		if !c.started() || (image != "" && c.image() != image) {
			continue
		}
		started = true
		if at := c.firstStart(); first.Before(&at) {
			first = at
		}
	}
	return started, first
}

// lastEnd is when the container ended that ran before, if that is after a time; else that time.
func (c container) lastEnd(after metav1.Time) metav1.Time {
	if t := c.status.LastTerminationState.Terminated; t != nil && ran(t) && after.Before(&t.FinishedAt) {
		return t.FinishedAt
	}
	return after
}
