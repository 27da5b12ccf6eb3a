// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// Images whose tag is one of these do not work.
const (
	badTag     = ":bad"     // cannot be pulled
	crashTag   = ":crash"   // ends as soon as it starts
	unreadyTag = ":unready" // runs and is never ready
)

// cluster is everything but the operator that acts on a store: the scheduler, kubelets, the garbage collector and the
// volumes' controllers. Each call does one step of one of them.
type cluster struct {
	*store
	// lost are Pods, by name, whose node does not answer.
	lost map[string]bool
	// flaky are Pods, by UID, that run and are not ready for reasons of their own.
	flaky map[types.UID]bool
	// full tells that no node takes another Pod.
	full bool
	// restartToGrow tells that a file system grows only when a Pod mounts it anew.
	restartToGrow bool
	// collected is told of a claim that the garbage collector deletes.
	collected func(claim *corev1.PersistentVolumeClaim)
}

// kubelet takes a Pod one step towards its spec, and tells what it did, "" for nothing.
func (c *cluster) kubelet(name string) string {
	pod := c.pod(name)
	switch {
	case pod == nil, c.lost[name], pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodFailed:
		return ""
	case pod.DeletionTimestamp != nil:
		return c.stop(pod)
	case pod.Spec.NodeName == "":
		return c.schedule(pod)
	}
	said := ""
	c.changePod(name, func(pod *corev1.Pod) { said = c.run(pod) })
	return said
}

// stop ends a Pod's processes. It is gone then, unless finalizers hold it.
func (c *cluster) stop(pod *corev1.Pod) string {
	if c.stopped[pod.UID] {
		return ""
	}
	c.stopped[pod.UID] = true
	c.changePod(pod.Name, func(pod *corev1.Pod) {
		pod.Status.Phase = corev1.PodSucceeded
		c.ready(pod, false)
	})
	if c.pod(pod.Name) == nil {
		return fmt.Sprintf("%s is gone", pod.Name)
	}
	return fmt.Sprintf("%s has stopped and is held by %s", pod.Name, strings.Join(pod.Finalizers, ", "))
}

// schedule binds a Pod's claims and then the Pod.
func (c *cluster) schedule(pod *corev1.Pod) string {
	obstacle := ""
	if c.full {
		obstacle = "no node has room"
	}
	for _, name := range claimsOf(pod) {
		if claim := c.claim(name); claim == nil || claim.DeletionTimestamp != nil {
			obstacle = "claim " + name + " is missing"
		}
	}
	condition := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: c.second()}
	if obstacle != "" {
		condition.Status, condition.Reason = corev1.ConditionFalse, corev1.PodReasonUnschedulable
		if pods.IsFalse(pods.Condition(pod, corev1.PodScheduled)) {
			return ""
		}
	}
	c.changePod(pod.Name, func(pod *corev1.Pod) {
		setCondition(pod, condition)
		if obstacle == "" {
			pod.Spec.NodeName = "node-1"
		}
	})
	if obstacle != "" {
		return fmt.Sprintf("%s cannot be scheduled: %s", pod.Name, obstacle)
	}
	for _, name := range claimsOf(pod) {
		c.changeClaim(name, func(claim *corev1.PersistentVolumeClaim) {
			if claim.Status.Phase != corev1.ClaimBound {
				claim.Status.Phase = corev1.ClaimBound
				claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: storage(claim)}
			}
			if claimCondition(claim, corev1.PersistentVolumeClaimFileSystemResizePending) {
				claim.Status.Conditions = nil
				claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: storage(claim)}
			}
		})
	}
	return fmt.Sprintf("%s is scheduled", pod.Name)
}

// run stops containers that run another image than they should; without such it starts what does not run, or fails to.
func (c *cluster) run(pod *corev1.Pod) string {
	before := pod.DeepCopy()
	pod.Status.ObservedGeneration = pod.Generation
	if c.stopChanged(pod) {
		c.ready(pod, false)
		return fmt.Sprintf("%s stops a container to change it", pod.Name)
	}
	build.RunContainers(pod)
	healthy := !c.flaky[pod.UID]
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		status.Resources = pod.Spec.Containers[i].Resources.DeepCopy()
		if reason := failure(status); reason != "" {
			status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
			pod.Status.Phase = before.Status.Phase
			status.Ready = false
		}
		status.Ready = status.Ready && !strings.HasSuffix(status.Image, unreadyTag)
		healthy = healthy && status.Ready
	}
	c.ready(pod, healthy && gatesOpen(pod))
	return tell(before, pod)
}

// failure is why a container's image does not run, "" when it does.
func failure(status *corev1.ContainerStatus) string {
	switch {
	case strings.HasSuffix(status.Image, badTag):
		status.ImageID = ""
		return "ImagePullBackOff"
	case strings.HasSuffix(status.Image, crashTag):
		return "CrashLoopBackOff"
	}
	return ""
}

// stopChanged stops the containers whose image has changed.
func (c *cluster) stopChanged(pod *corev1.Pod) (done bool) {
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		for j := range pod.Spec.Containers {
			if pod.Spec.Containers[j].Name == status.Name && pod.Spec.Containers[j].Image != status.Image && status.State.Running != nil {
				status.Ready, status.State = false, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
				done = true
			}
		}
	}
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
	if pods.IsTrue(pods.Condition(after, corev1.PodReady)) {
		word = "ready"
	}
	return fmt.Sprintf("%s runs %s, %s", after.Name, strings.Join(running, " "), word)
}

func gatesOpen(pod *corev1.Pod) bool {
	for _, gate := range pod.Spec.ReadinessGates {
		if !pods.IsTrue(pods.Condition(pod, gate.ConditionType)) {
			return false
		}
	}
	return true
}

// ready sets the Ready condition, if it is not so already.
func (c *cluster) ready(pod *corev1.Pod, ready bool) {
	condition := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: c.second()}
	if ready {
		condition.Status = corev1.ConditionTrue
	}
	if before := pods.Condition(pod, corev1.PodReady); before == nil || before.Status != condition.Status {
		setCondition(pod, condition)
	}
}

func setCondition(pod *corev1.Pod, condition corev1.PodCondition) {
	if before := pods.Condition(pod, condition.Type); before != nil {
		*before = condition
		return
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}

// collect deletes the claims whose owners are all gone.
func (c *cluster) collect() (said []string) {
	for _, claim := range c.claims() {
		alive := slices.DeleteFunc(slices.Clone(claim.OwnerReferences), func(o metav1.OwnerReference) bool {
			if o.Kind == "StatefulSet" {
				return c.set(o.Name) == nil || c.set(o.Name).UID != o.UID
			}
			return c.pod(o.Name) == nil || c.pod(o.Name).UID != o.UID
		})
		switch {
		case len(alive) == len(claim.OwnerReferences) || claim.DeletionTimestamp != nil:
		case len(alive) > 0:
			c.changeClaim(claim.Name, func(claim *corev1.PersistentVolumeClaim) { claim.OwnerReferences = alive })
		default:
			if c.collected != nil {
				c.collected(claim)
			}
			said = append(said, fmt.Sprintf("claim %s is deleted with its owner", claim.Name))
			c.deleteClaim(claim.Name)
		}
	}
	return said
}

// volumes lets claims grow, and go when no Pod mounts them any more.
func (c *cluster) volumes() (said []string) {
	for _, claim := range c.claims() {
		switch has, asked := claim.Status.Capacity[corev1.ResourceStorage], storage(claim); {
		case claim.DeletionTimestamp != nil && !c.mounted(claim.Name):
			c.remove(claimKind, claim.Name)
			said = append(said, fmt.Sprintf("claim %s is gone", claim.Name))
		case claim.Status.Phase == corev1.ClaimBound && has.Cmp(asked) < 0:
			pending := c.restartToGrow && !claimCondition(claim, corev1.PersistentVolumeClaimFileSystemResizePending)
			if c.restartToGrow && !pending {
				continue
			}
			c.changeClaim(claim.Name, func(claim *corev1.PersistentVolumeClaim) {
				if pending {
					claim.Status.Conditions = append(claim.Status.Conditions, corev1.PersistentVolumeClaimCondition{
						Type: corev1.PersistentVolumeClaimFileSystemResizePending, Status: corev1.ConditionTrue,
					})
					return
				}
				claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: asked}
			})
			said = append(said, fmt.Sprintf("claim %s grows to %s", claim.Name, asked.String()))
		}
	}
	return said
}
