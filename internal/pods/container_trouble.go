// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/shorten"
)

// ContainerTrouble says why a container, or an init container, of a Pod does not run or is not ready; "" when nothing
// of the kind is to be seen:
//
//	container app exited with 3, 4 restarts (CrashLoopBackOff); see kubectl logs -n shop crash-0 -c app --previous
//	container app was killed for its memory (OOMKilled, limit 64Mi), 1 restart; see kubectl logs ...
//	container app: image registry/app:v9 cannot be pulled: not found (ErrImagePull)
//	container app: cannot be made: configmap "settings" not found (CreateContainerConfigError)
//	container app is not ready: its readiness probe fails
func ContainerTrouble(pod *corev1.Pod, name string) string {
	at, status := Find(pod, name), Status(pod, name)
	if at == nil || status == nil {
		return ""
	}
	c := container{spec: at.Container, status: status, init: at.List == InitContainers}
	return c.trouble(pod)
}

// container is one of a Pod's, with its status.
type container struct {
	spec   *corev1.Container
	status *corev1.ContainerStatus
	init   bool
}

func (c *container) trouble(pod *corev1.Pod) string {
	switch s := c.status; {
	case s.State.Waiting != nil:
		return c.waits(pod)
	case s.State.Terminated != nil:
		return c.ended(pod)
	case s.State.Running != nil && c.oneTime():
		return "init container " + c.spec.Name + " has not finished yet"
	case s.State.Running != nil && !s.Ready:
		return c.notReady(pod)
	}
	return ""
}

// oneTime reports whether the container runs once, before the others start.
func (c *container) oneTime() bool { return c.init && !IsNativeSidecar(c.spec) }

func (c *container) called() string {
	if c.oneTime() {
		return "init container " + c.spec.Name
	}
	return "container " + c.spec.Name
}

// waits is about a container that the kubelet has not started.
func (c *container) waits(pod *corev1.Pod) string {
	waiting := c.status.State.Waiting
	switch waiting.Reason {
	case "":
		return ""
	case "ContainerCreating", "PodInitializing":
		return "" // it is about to start
	case "CrashLoopBackOff":
		if c.status.LastTerminationState.Terminated != nil {
			return c.exited(pod, c.status.LastTerminationState.Terminated, waiting.Reason)
		}
		return fmt.Sprintf("%s ends again and again, %s (%s); %s", c.called(), restarts(c.status), waiting.Reason, c.logs(pod))
	case "ErrImagePull", "ImagePullBackOff":
		return fmt.Sprintf("%s: image %s cannot be pulled%s (%s)", c.called(), c.spec.Image, lastWords(waiting.Message), waiting.Reason)
	case "ErrImageNeverPull":
		return fmt.Sprintf("%s: image %s is not on node %s and is never pulled (%s)", c.called(), c.spec.Image, pod.Spec.NodeName, waiting.Reason)
	case "InvalidImageName":
		return fmt.Sprintf("%s: %q is not the name of an image (%s)", c.called(), c.spec.Image, waiting.Reason)
	}
	if brokenReasons[waiting.Reason] {
		return fmt.Sprintf("%s: cannot be made%s (%s)", c.called(), colon(waiting.Message), waiting.Reason)
	}
	return fmt.Sprintf("%s: %s%s", c.called(), waiting.Reason, colon(waiting.Message))
}

// ended is about a container that does not run and for which the kubelet has not said what follows. An init container
// that is through is no trouble.
func (c *container) ended(pod *corev1.Pod) string {
	if t := c.status.State.Terminated; !c.oneTime() || t.ExitCode != 0 {
		return c.exited(pod, t, "")
	}
	return ""
}

// exited tells of a container's end.
func (c *container) exited(pod *corev1.Pod, t *corev1.ContainerStateTerminated, reason string) string {
	text := fmt.Sprintf("%s %s", c.called(), c.end(t))
	if c.status.RestartCount > 0 {
		text += ", " + restarts(c.status)
	}
	if reason != "" {
		text += " (" + reason + ")"
	}
	return text + "; " + c.logs(pod)
}

// end says how the container ended. A kubelet kills one whose liveness or startup probe fails, and leaves no other
// trace of that in the Pod than how it ended.
func (c *container) end(t *corev1.ContainerStateTerminated) string {
	killed := t.ExitCode == 137 || t.ExitCode == 143
	switch {
	case t.Reason == "OOMKilled":
		return "was killed for its memory (OOMKilled" + c.memoryLimit() + ")"
	case t.Reason == "ContainerCannotRun", t.Reason == "StartError":
		return fmt.Sprintf("could not be started, exit code %d%s", t.ExitCode, colon(t.Message))
	case killed && c.spec.LivenessProbe != nil:
		return fmt.Sprintf("exited with %d, perhaps because its liveness probe failed", t.ExitCode)
	case killed && c.spec.StartupProbe != nil:
		return fmt.Sprintf("exited with %d, perhaps because its startup probe failed", t.ExitCode)
	}
	return fmt.Sprintf("exited with %d", t.ExitCode)
}

func (c *container) memoryLimit() string {
	if limit, ok := c.spec.Resources.Limits[corev1.ResourceMemory]; ok {
		return ", limit " + limit.String()
	}
	return ""
}

// notReady is about a container that runs and is not ready. The container that ran before says more about one that has
// just been started again than its probes.
func (c *container) notReady(pod *corev1.Pod) string {
	started := c.status.Started != nil && *c.status.Started
	switch {
	case c.status.RestartCount > 0 && c.status.LastTerminationState.Terminated != nil && (!started || c.spec.ReadinessProbe == nil):
		return c.exited(pod, c.status.LastTerminationState.Terminated, "")
	case !started && c.spec.StartupProbe != nil:
		return c.called() + " is not ready: its startup probe has not succeeded yet"
	case c.spec.ReadinessProbe != nil:
		return c.called() + " is not ready: its readiness probe fails"
	}
	return c.called() + " is not ready"
}

// logs is the command that shows what a container wrote before it ended.
func (c *container) logs(pod *corev1.Pod) string {
	text := fmt.Sprintf("see kubectl logs -n %s %s -c %s", pod.Namespace, pod.Name, c.spec.Name)
	if c.status.State.Terminated == nil {
		text += " --previous"
	}
	return text
}

func restarts(status *corev1.ContainerStatus) string {
	if status.RestartCount == 1 {
		return "1 restart"
	}
	return fmt.Sprintf("%d restarts", status.RestartCount)
}

// lastWords is the end of a chain of causes, which says what went wrong: not found, 401 Unauthorized, no such host.
func lastWords(message string) string {
	return colon(message[strings.LastIndex(message, ": ")+1:])
}

// maxQuoted is how many bytes of somebody else's words are quoted.
const maxQuoted = 200

// colon puts words of others, shortened, behind a colon; "" when there are none.
func colon(message string) string {
	message = strings.Trim(strings.TrimSpace(message), `"`)
	if message == "" {
		return ""
	}
	return ": " + shorten.To(message, maxQuoted)
}
