// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"cmp"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// proof is by what it is known that an application has run: a clause around the name of a container, if it is about one.
// Nearly all Pods have run, and it is written for the few of which anybody is told.
type proof struct{ before, container, after string }

// String writes the clause.
func (p proof) String() string { return p.before + p.container + p.after }

func provedBy(container, after string) proof { return proof{"its container ", container, after} }

// applicationRan is by what it is known that a Pod's application has run, the zero value when it has not. Only its
// own containers prove that: what was injected runs before the application, or beside it, and whatever it has written
// it writes again elsewhere.
func applicationRan(pod *Pod) proof {
	for c := range containers(pod.Pod) {
		if c.started() && pod.isOwn(c.status.Name) {
			return provedBy(c.status.Name, " has run")
		}
	}
	if wasReady(pod.Pod) {
		return proof{before: "it was Ready once"}
	}
	return mayHaveRun(pod)
}

// mayHaveRun says which of a Pod's own containers has been made more than once and may have run in
// between, of which the Pod shows the last time alone. One that has no image now had one then, so it has run for all we
// know. One that the runtime cannot start may never have run, and its node may be at fault: that is believed where
// nothing that it could have written goes with the Pod, or stays behind on its node.
func mayHaveRun(pod *Pod) proof {
	for c := range containers(pod.Pod) {
		if c.status.RestartCount == 0 || !pod.isOwn(c.status.Name) {
			continue
		}
		if !c.failsToStart() {
			return provedBy(c.status.Name, " was made before, and may have run then")
		}
		if volume := writableVolume(pod); volume != "" {
			return provedBy(c.status.Name, " was made before, and may have run then and written to volume "+volume)
		}
	}
	return proof{}
}

// failsToStart reports whether the container was made, and could not be started.
func (c container) failsToStart() bool {
	reason, _ := c.failure()
	return reason == reasonStartError || reason == "RunContainerError"
}

// writableVolume names a volume that one of a Pod's own containers may have written to, and which goes with the Pod or
// stays behind on its node; "" when there is none.
func writableVolume(pod *Pod) string {
	lost := map[string]bool{}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		lost[v.Name] = v.EmptyDir != nil || v.Ephemeral != nil || v.HostPath != nil || v.CSI != nil
	}
	first := ""
	for _, list := range [...][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if pod.isOwn(list[i].Name) {
				first = cmp.Or(first, written(&list[i], lost))
			}
		}
	}
	return first
}

// written names the first of some volumes that a container can write to.
func written(c *corev1.Container, of map[string]bool) string {
	for _, mount := range c.VolumeMounts {
		if of[mount.Name] && !mount.ReadOnly {
			return mount.Name
		}
	}
	for _, device := range c.VolumeDevices {
		if of[device.Name] {
			return device.Name
		}
	}
	return ""
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

// findFailingSidecar looks for an injected container that runs and ends again and again, and so has been started on
// this very node. As an init container, or a native sidecar, it keeps the application from starting.
func findFailingSidecar(pod *Pod) (evidence, bool) {
	for c := range containers(pod.Pod) {
		if pod.isOwn(c.status.Name) || !c.crashes() {
			continue
		}
		return evidence{
			kind: sidecarFailing, image: c.image(), since: waitingSince(pod.Pod),
			said: words{reason: pods.ContainerTrouble(pod.Pod, c.status.Name)}, container: c.status.Name,
		}, true
	}
	return evidence{}, false
}

// crashes reports whether a container has been restarted after it ran, and is not at work now: it waits, has ended
// again, or has not passed its startup probe.
func (c container) crashes() bool {
	last := c.status.LastTerminationState.Terminated
	if c.status.RestartCount == 0 || last == nil || !ran(last) {
		return false
	}
	if c.status.State.Running != nil {
		return c.status.Started == nil || !*c.status.Started
	}
	return c.status.State.Terminated == nil || c.status.State.Terminated.ExitCode != 0
}
