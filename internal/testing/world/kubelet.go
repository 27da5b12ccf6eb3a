// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// Images whose tag is one of these do not work.
const (
	BadTag     = ":bad"     // cannot be pulled
	CrashTag   = ":crash"   // ends as soon as it starts
	UnreadyTag = ":unready" // runs and is never ready
)

// Trouble is what is wrong with a node. It concerns what has not started there, and lasts as long as the trouble does.
type Trouble string

// What can be wrong with a node.
const (
	Well      Trouble = ""
	NoPull    Trouble = "NoPull"    // pulls no image
	Refuses   Trouble = "Refuses"   // takes no Pod
	Trickles  Trouble = "Trickles"  // never comes to an end of pulling
	NoSandbox Trouble = "NoSandbox" // makes no sandbox
	NoResize  Trouble = "NoResize"  // changes no resources of what runs, ever: Infeasible
	NoRoom    Trouble = "NoRoom"    // changes none for now: Deferred
)

// run stops containers that run another image than they should; without such it starts what does not run, or fails to.
func (n *Nodes) run(pod *corev1.Pod) string {
	before := pod.DeepCopy()
	pod.Status.ObservedGeneration = pod.Generation
	n.taken(pod)
	if trouble := n.Troubles[pod.Spec.NodeName]; trouble != Well && !made(pod) && !n.startsInPart(trouble) && n.fails(pod, trouble) {
		if equality.Semantic.DeepEqual(before.Status, pod.Status) {
			return ""
		}
		return fmt.Sprintf("%s does not start on %s: %s", pod.Name, pod.Spec.NodeName, trouble)
	}
	if !made(pod) {
		n.setSandbox(pod, corev1.ConditionTrue)
	}
	if n.stopChanged(pod) {
		n.SetReady(pod, false)
		return fmt.Sprintf("%s stops a container to change it", pod.Name)
	}
	build.RunContainers(pod)
	healthy := !n.Flaky[pod.UID]
	for i := range pod.Status.ContainerStatuses {
		healthy = n.container(pod, &pod.Spec.Containers[i], &pod.Status.ContainerStatuses[i], before) && healthy
	}
	for i := range pod.Status.InitContainerStatuses {
		healthy = n.container(pod, &pod.Spec.InitContainers[i], &pod.Status.InitContainerStatuses[i], before) && healthy
	}
	n.SetReady(pod, healthy && gatesOpen(pod))
	n.lost(pod)
	return tell(before, pod)
}

// taken notes when a Pod's kubelet took it, if it does.
func (n *Nodes) taken(pod *corev1.Pod) {
	if pod.Status.StartTime == nil && n.Troubles[pod.Spec.NodeName] != Refuses {
		now := n.Second()
		pod.Status.StartTime = &now
	}
}

// made reports whether a container of a Pod was ever made.
func made(pod *corev1.Pod) bool {
	all := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses)
	return slices.ContainsFunc(all, func(c corev1.ContainerStatus) bool {
		return c.ContainerID != ""
	})
}

// container brings one container's status to what its image and its node make of it, and reports whether it is ready.
func (n *Nodes) container(pod *corev1.Pod, c *corev1.Container, status *corev1.ContainerStatus, before *corev1.Pod) bool {
	if was := endedStatus(before, status.Name); was != nil {
		*status = *was
		return false
	}
	n.resize(pod, c, status)
	n.started(status, before)
	if reason := n.failure(pod, c, status); reason != "" {
		status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
		if reason == startError {
			status.State = neverStarted(status.ContainerID)
		}
		pod.Status.Phase = before.Status.Phase
		status.Ready = false
	}
	status.Ready = status.Ready && !strings.HasSuffix(status.Image, UnreadyTag)
	return status.Ready
}

// end is why a container runs no more that is not to be started again.
const end = "Completed"

// End lets a container come to its end for good, as that of a Job.
func (n *Nodes) End(key Key, container string) {
	n.ChangePod(key, func(pod *corev1.Pod) {
		for i := range pod.Status.ContainerStatuses {
			if status := &pod.Status.ContainerStatuses[i]; status.Name == container {
				status.Ready, status.State = false, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: end}}
			}
		}
		n.SetReady(pod, false)
	})
}

// endedStatus is the status of a container that has come to its end for good, nil when it has not.
func endedStatus(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	i := slices.IndexFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.Name == name && c.State.Terminated != nil && c.State.Terminated.Reason == end
	})
	if i < 0 {
		return nil
	}
	return &pod.Status.ContainerStatuses[i]
}

// started says since when a container runs.
func (n *Nodes) started(status *corev1.ContainerStatus, before *corev1.Pod) {
	for _, was := range slices.Concat(before.Status.ContainerStatuses, before.Status.InitContainerStatuses) {
		if was.Name == status.Name && was.ContainerID == status.ContainerID && was.State.Running != nil {
			status.State = was.State
			return
		}
	}
	status.State.Running.StartedAt = n.Second()
}

// resize gives a container the resources that its spec asks for, if the node can.
func (n *Nodes) resize(pod *corev1.Pod, c *corev1.Container, status *corev1.ContainerStatus) {
	reason, words := n.refusesResize(pod.Spec.NodeName)
	keeps := reason != "" && status.Resources != nil && !equality.Semantic.DeepEqual(*status.Resources, c.Resources)
	if !keeps {
		status.Resources = c.Resources.DeepCopy()
	}
	if pending := Condition(pod, corev1.PodResizePending); keeps && (pending == nil || pending.Reason != reason) {
		SetCondition(pod, corev1.PodCondition{
			Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: reason,
			Message: words, LastTransitionTime: n.Second(),
		})
	} else if pending != nil && reason == "" {
		pod.Status.Conditions = slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodResizePending
		})
	}
}

// refusesResize is why a node changes no resources, and its words; "" when it does.
func (n *Nodes) refusesResize(node string) (reason, words string) {
	switch n.Troubles[node] {
	case NoResize:
		return corev1.PodReasonInfeasible, "this kubelet resizes nothing"
	case NoRoom:
		return corev1.PodReasonDeferred, "Node didn't have enough resource: cpu"
	}
	return "", ""
}

// failure is why a container does not run, "" when it does. The kubelet pulls first, whatever comes then.
func (n *Nodes) failure(pod *corev1.Pod, c *corev1.Container, status *corev1.ContainerStatus) string {
	if reason := n.pull(pod.Spec.NodeName, status.Image); reason != "" {
		status.ImageID = ""
		return reason
	}
	if status.ImageID == "" {
		status.ImageID = build.ImageID(status.Image)
	}
	switch {
	case len(c.Command) > 0:
		return startError
	case strings.HasSuffix(status.Image, CrashTag):
		status.RestartCount = max(1, status.RestartCount)
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error"}
		return "CrashLoopBackOff"
	}
	return ""
}

// fails writes what a kubelet says of a Pod that cannot start on its node, and reports whether that is so.
func (n *Nodes) fails(pod *corev1.Pod, trouble Trouble) bool {
	sandbox := corev1.ConditionTrue
	reason := "ContainerCreating"
	switch trouble {
	case Refuses:
		pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, "UnexpectedAdmissionError"
		n.Stopped[pod.UID] = true
		return true
	case NoSandbox:
		sandbox = corev1.ConditionFalse
	case NoPull:
		reason = "ImagePullBackOff"
	case Trickles:
	default:
		return false
	}
	n.SetReady(pod, false)
	n.setSandbox(pod, sandbox)
	pod.Status.ContainerStatuses = nil
	for i := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: pod.Spec.Containers[i].Name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}},
		})
	}
	return true
}

// setSandbox tells whether a Pod has its sandbox, if it is not told already.
func (n *Nodes) setSandbox(pod *corev1.Pod, status corev1.ConditionStatus) {
	if before := Condition(pod, corev1.PodReadyToStartContainers); before == nil || before.Status != status {
		SetCondition(pod, corev1.PodCondition{Type: corev1.PodReadyToStartContainers, Status: status, LastTransitionTime: n.Second()})
	}
}

// stopChanged stops the containers whose image has changed.
func (n *Nodes) stopChanged(pod *corev1.Pod) (done bool) {
	stop := func(containers []corev1.Container, statuses []corev1.ContainerStatus) {
		for i := range statuses {
			status := &statuses[i]
			for j := range containers {
				if containers[j].Name == status.Name && containers[j].Image != status.Image && status.State.Running != nil {
					status.Ready, status.State = false, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
					done = true
				}
			}
		}
	}
	stop(pod.Spec.Containers, pod.Status.ContainerStatuses)
	stop(pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
	return done
}

// tell says what a step of a kubelet changed.
func tell(before, after *corev1.Pod) string {
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return ""
	}
	var running []string
	for i := range after.Status.ContainerStatuses {
		status := &after.Status.ContainerStatuses[i]
		if status.State.Waiting != nil {
			return fmt.Sprintf("%s: %s of %s", after.Name, status.State.Waiting.Reason, after.Spec.Containers[i].Image)
		}
		running = append(running, status.Image)
	}
	word := "not ready"
	if ready := Condition(after, corev1.PodReady); ready != nil && ready.Status == corev1.ConditionTrue {
		word = "ready"
	}
	return fmt.Sprintf("%s runs %s, %s", after.Name, strings.Join(running, " "), word)
}

func gatesOpen(pod *corev1.Pod) bool {
	for _, gate := range pod.Spec.ReadinessGates {
		if c := Condition(pod, gate.ConditionType); c == nil || c.Status != corev1.ConditionTrue {
			return false
		}
	}
	return true
}

// SetReady sets the Ready condition, if it is not so already.
func (s *Store) SetReady(pod *corev1.Pod, ready bool) {
	condition := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: s.Second()}
	if ready {
		condition.Status = corev1.ConditionTrue
	}
	if before := Condition(pod, corev1.PodReady); before == nil || before.Status != condition.Status {
		SetCondition(pod, condition)
	}
}

// Condition returns a condition of a Pod, nil when it has none of the type.
func Condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// SetCondition puts a condition in place of the one of its type.
func SetCondition(pod *corev1.Pod, condition corev1.PodCondition) {
	if before := Condition(pod, condition.Type); before != nil {
		*before = condition
		return
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}
