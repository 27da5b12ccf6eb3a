// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"strings"

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
	// said is what the kubelet, or the scheduler, says; the zero value when nothing does.
	said words
	// proof is by what it is known that the application has run; the zero value when it has not.
	proof proof
	// container is the injected one that keeps failing although it ran.
	container string
}

// kubeletReason is what the kubelet, or the scheduler, says, for people.
func (e *evidence) kubeletReason() string { return e.said.String() }

// words are a reason and a message, of a container with its image or of the whole Pod. They are written for the few Pods of
// which anybody is told.
type words struct{ container, image, reason, message string }

// String writes the words, in no more than maxReason bytes.
func (w words) String() string {
	if w.container == "" {
		return withMessage(w.reason, w.message)
	}
	return withMessage("container "+w.container+", image "+w.image+": "+w.reason, w.message)
}

type evidenceKind string

const (
	// nothingSeen: no one has said anything about the Pod yet.
	nothingSeen evidenceKind = ""
	// hasStarted: the application has run; the rest is its own business. Where another container cannot be started,
	// said says so.
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
	// sidecarFailing: an injected container runs and ends again and again before the application has run.
	sidecarFailing evidenceKind = "SidecarFailing"
	// slowPull: the image is on its way.
	slowPull evidenceKind = "SlowPull"
)

// checks are what a Pod shows, in order; the first that applies is what counts.
var checks = []struct {
	name string
	find func(pod *Pod) (evidence, bool)
}{
	{"the application has run", findStarted}, // whatever comes after, data may have been written
	{"the kubelet refused the Pod", findRefusal},
	{"the Pod has ended", findEnd},
	{"it has no node", findUnscheduled},
	{"its template cannot work anywhere", findBadTemplate}, // one such container is enough, so before the others
	{"a container cannot be started", findFailure},
	{"its sandbox cannot be made", findNoSandbox},
	{"an injected container ran and fails", findFailingSidecar}, // the last of all that keeps the application from running
	{"its image is being pulled", findPull},
}

// classify says what a Pod shows.
func classify(pod *Pod) evidence {
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

// isOfTemplate reports whether a reason is that of a container which no node could start.
func isOfTemplate(reason string) bool {
	switch reason {
	case "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError":
		return true
	}
	return false
}

// isFailure reports whether a reason is that of a container which another node may be able to start.
func isFailure(reason string) bool {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "CreateContainerError", "RunContainerError", reasonStartError:
		return true
	}
	return false
}

// reasonStartError is the runtime's word for a container that it made and could not start. The kubelet then waits with
// CrashLoopBackOff, as after a crash.
const reasonStartError = "StartError"

// findStarted also says why another container of such a Pod cannot be started, if one cannot.
func findStarted(pod *Pod) (evidence, bool) {
	e := evidence{kind: hasStarted, proof: applicationRan(pod)}
	if e.proof == (proof{}) {
		return evidence{}, false
	}
	if !pods.Live(pod.Pod) {
		return e, true // nothing of it waits
	}
	for c := range containers(pod.Pod) {
		if reason, message := c.failure(); isFailure(reason) {
			e.since, e.said = c.lastEnd(waitingSince(pod.Pod)), c.says(reason, message)
			return e, true
		}
	}
	if none, ok := findNoSandbox(pod); ok {
		e.since, e.said = none.since, none.said
	}
	return e, true
}

func findRefusal(pod *Pod) (evidence, bool) {
	if pod.Status.Phase != corev1.PodFailed || !isRefusal(pod.Status.Reason) {
		return evidence{}, false
	}
	return evidence{kind: nodeRefused, since: scheduledAt(pod.Pod), said: words{reason: pod.Status.Reason, message: pod.Status.Message}}, true
}

func findEnd(pod *Pod) (evidence, bool) {
	return evidence{kind: hasEnded}, pods.Ended(pod.Pod)
}

func findUnscheduled(pod *Pod) (evidence, bool) {
	if pod.Spec.NodeName != "" {
		return evidence{}, false
	}
	e := evidence{kind: unscheduled, since: pod.CreationTimestamp}
	if c := pods.Condition(pod.Pod, corev1.PodScheduled); c != nil {
		e.since, e.said = c.LastTransitionTime, words{reason: c.Reason, message: c.Message}
	}
	return e, true
}

func findBadTemplate(pod *Pod) (evidence, bool) {
	for c := range containers(pod.Pod) {
		if waiting := c.status.State.Waiting; waiting != nil && isOfTemplate(waiting.Reason) {
			said := c.says(waiting.Reason, waiting.Message)
			return evidence{kind: badTemplate, image: said.image, since: scheduledAt(pod.Pod), said: said}, true
		}
	}
	return evidence{}, false
}

func findFailure(pod *Pod) (evidence, bool) {
	for c := range containers(pod.Pod) {
		if reason, message := c.failure(); isFailure(reason) {
			said := c.says(reason, message)
			return evidence{kind: ambiguous, image: said.image, since: waitingSince(pod.Pod), said: said}, true
		}
	}
	return evidence{}, false
}

func findNoSandbox(pod *Pod) (evidence, bool) {
	c := pods.Condition(pod.Pod, corev1.PodReadyToStartContainers)
	if !pods.IsFalse(c) {
		return evidence{}, false
	}
	said := words{reason: "its sandbox, network or volumes are not ready", message: c.Message}
	return evidence{kind: ambiguous, since: waitingSince(pod.Pod), said: said}, true
}

func findPull(pod *Pod) (evidence, bool) {
	c := pods.Condition(pod.Pod, corev1.PodReadyToStartContainers)
	if !pods.IsTrue(c) {
		return evidence{}, false
	}
	return evidence{kind: slowPull, since: waitingSince(pod.Pod)}, true
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
