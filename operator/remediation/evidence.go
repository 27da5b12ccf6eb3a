// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// evidence is what can be seen of why a Pod does not run, and what that proves.
type evidence struct {
	kind evidenceKind
	// image is that of the container that waits, "" when it is not about one.
	image string
	// since is from when on the Pod has been waiting.
	since metav1.Time
	// kubeletReason is what the kubelet, or the scheduler, says: a reason and a message.
	kubeletReason string
}

type evidenceKind string

const (
	// nothingSeen: no one has said anything about the Pod yet.
	nothingSeen evidenceKind = ""
	// hasStarted: a container has started once; the rest is the application's.
	hasStarted evidenceKind = "Started"
	// nodeRefused: the kubelet did not take the Pod. That proves the node.
	nodeRefused evidenceKind = "Refused"
	// hasEnded: the Pod failed in another way.
	hasEnded evidenceKind = "Ended"
	// unscheduled: the Pod has no node; the scheduler's business.
	unscheduled evidenceKind = "Unscheduled"
	// badTemplate: no node could start it.
	badTemplate evidenceKind = "Template"
	// ambiguous: the node, the image or the network may be at fault. It takes other Pods to tell.
	ambiguous evidenceKind = "Ambiguous"
	// slowPull: the image is on its way.
	slowPull evidenceKind = "SlowPull"
)

// checks are what a Pod shows, in order; the first that applies is what counts.
var checks = []struct {
	name string
	find func(pod *corev1.Pod) (evidence, bool)
}{
	{"a container has started once", findStarted}, // whatever comes after, data may have been written
	{"the kubelet refused the Pod", findRefusal},
	{"the Pod has ended", findEnd},
	{"it has no node", findUnscheduled},
	{"its template cannot work anywhere", findBadTemplate}, // one such container is enough, so before the others
	{"a container cannot be started", findFailure},
	{"its sandbox cannot be made", findNoSandbox},
	{"its image is being pulled", findPull},
}

// look says what a Pod shows.
func classify(pod *corev1.Pod) evidence {
	for _, check := range checks {
		if e, ok := check.find(pod); ok {
			return e
		}
	}
	return evidence{}
}

// refusals are the reasons by which a kubelet does not take a Pod.
func isRefusal(reason string) bool {
	switch reason {
	case "NodeAffinity", "UnexpectedAdmissionError", "TopologyAffinityError":
		return true
	}
	return strings.HasPrefix(reason, "OutOf")
}

// templateReasons are those of containers that no node could start.
var templateReasons = map[string]bool{
	"InvalidImageName": true, "ErrImageNeverPull": true, "CreateContainerConfigError": true,
}

// failures are the reasons of containers that another node may be able to start.
var failures = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "RegistryUnavailable": true,
	"CreateContainerError": true, "RunContainerError": true, reasonStartError: true,
}

// reasonStartError is the runtime's word for a container that it made and could not start. The kubelet then waits with
// CrashLoopBackOff, as after a crash.
const reasonStartError = "StartError"

func findStarted(pod *corev1.Pod) (evidence, bool) {
	if started, _ := starts(pod, ""); started || wasReady(pod) || mayHaveRun(pod) {
		return evidence{kind: hasStarted}, true
	}
	return evidence{}, false
}

func findRefusal(pod *corev1.Pod) (evidence, bool) {
	if pod.Status.Phase != corev1.PodFailed || !isRefusal(pod.Status.Reason) {
		return evidence{}, false
	}
	return evidence{kind: nodeRefused, since: scheduledAt(pod), kubeletReason: withMessage(pod.Status.Reason, pod.Status.Message)}, true
}

func findEnd(pod *corev1.Pod) (evidence, bool) {
	return evidence{kind: hasEnded}, pods.Ended(pod)
}

func findUnscheduled(pod *corev1.Pod) (evidence, bool) {
	if pod.Spec.NodeName != "" {
		return evidence{}, false
	}
	e := evidence{kind: unscheduled, since: pod.CreationTimestamp}
	if c := pods.Condition(pod, corev1.PodScheduled); c != nil {
		e.since, e.kubeletReason = c.LastTransitionTime, withMessage(c.Reason, c.Message)
	}
	return e, true
}

func findBadTemplate(pod *corev1.Pod) (evidence, bool) {
	for _, c := range containers(pod) {
		if waiting := c.status.State.Waiting; waiting != nil && templateReasons[waiting.Reason] {
			reason := c.reason(waiting.Reason, waiting.Message)
			return evidence{kind: badTemplate, image: c.image, since: scheduledAt(pod), kubeletReason: reason}, true
		}
	}
	return evidence{}, false
}

func findFailure(pod *corev1.Pod) (evidence, bool) {
	for _, c := range containers(pod) {
		if reason, message := c.failure(); failures[reason] {
			return evidence{kind: ambiguous, image: c.image, since: waitingSince(pod), kubeletReason: c.reason(reason, message)}, true
		}
	}
	return evidence{}, false
}

func findNoSandbox(pod *corev1.Pod) (evidence, bool) {
	c := pods.Condition(pod, corev1.PodReadyToStartContainers)
	if !pods.IsFalse(c) {
		return evidence{}, false
	}
	reason := withMessage("its sandbox, network or volumes are not ready", c.Message)
	return evidence{kind: ambiguous, since: waitingSince(pod), kubeletReason: reason}, true
}

func findPull(pod *corev1.Pod) (evidence, bool) {
	c := pods.Condition(pod, corev1.PodReadyToStartContainers)
	if !pods.IsTrue(c) {
		return evidence{}, false
	}
	return evidence{kind: slowPull, since: waitingSince(pod)}, true
}

// container is what the kubelet says of a container, and its image as the spec has it.
type container struct {
	status *corev1.ContainerStatus
	image  string
}

// containers are those that the kubelet reports, init containers first.
func containers(pod *corev1.Pod) []container {
	var out []container
	for status := range pods.Statuses(pod) {
		out = append(out, container{status: status, image: pods.Image(pod, status.Name)})
	}
	return out
}

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

func (c container) reason(reason, message string) string {
	return withMessage(fmt.Sprintf("container %s, image %s: %s", c.status.Name, c.image, reason), message)
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
	for _, c := range containers(pod) {
		if (image != "" && c.image != image) || !c.started() {
			continue
		}
		started = true
		if at := c.firstStart(); first.Before(&at) {
			first = at
		}
	}
	return started, first
}

// readySlack is how long after a Pod's start its Ready condition may be set for the first time.
const readySlack = 10 * time.Second

// wasReady reports whether a Pod's Ready condition shows that it was Ready once. A container that ran and cannot be
// started again leaves no other trace. One that was never ready before that leaves none at all.
func wasReady(pod *corev1.Pod) bool {
	c := pods.Condition(pod, corev1.PodReady)
	if c == nil || pod.Status.Phase == corev1.PodFailed {
		return false
	}
	return c.Status == corev1.ConditionTrue ||
		pod.Status.StartTime != nil && c.LastTransitionTime.Sub(pod.Status.StartTime.Time) > readySlack
}

// scheduledAt is when a Pod got its node.
func scheduledAt(pod *corev1.Pod) metav1.Time {
	if c := pods.Condition(pod, corev1.PodScheduled); c != nil {
		return c.LastTransitionTime
	}
	return pod.CreationTimestamp
}

// waitingSince is from when on a Pod that has a node waits for its containers: since it got the node, or since its
// sandbox was made or lost.
func waitingSince(pod *corev1.Pod) metav1.Time {
	since := scheduledAt(pod)
	if c := pods.Condition(pod, corev1.PodReadyToStartContainers); c != nil && since.Before(&c.LastTransitionTime) {
		return c.LastTransitionTime
	}
	return since
}

// maxReason is how many bytes of the kubelet's words are repeated.
const maxReason = 280

// worded joins a reason and a message. Of a long message the middle is left out: it begins with what was tried, and
// ends with what went wrong.
func withMessage(reason, message string) string {
	message = strings.Join(strings.Fields(message), " ")
	room := maxReason - len(reason) - len(": ")
	switch {
	case message == "":
	case len(message) <= room:
		reason += ": " + message
	case room < minMessage:
		reason += ": " + cut(message, 0, minMessage/2) + cut(message, len(message)-minMessage/2, len(message))
	default:
		reason += ": " + cut(message, 0, room/3) + cut(message, len(message)-room*2/3+len(ellipsis), len(message))
	}
	return reason
}

const (
	// minMessage is how many bytes of a message are kept beside however long a reason.
	minMessage = 80
	ellipsis   = "..."
)

// cut takes a part of a text, and marks where it was cut off.
func cut(text string, from, to int) string {
	part := strings.ToValidUTF8(text[from:to], "")
	if from == 0 {
		return part + ellipsis
	}
	return part
}
