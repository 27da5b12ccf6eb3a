// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// promises is what the observer remembers to hold a rollout of sidecars to what it promises to the owners of Pods.
type promises struct {
	// versions are all states that Pods were in, by resourceVersion; known is from them what the operator could see.
	versions map[string]*corev1.Pod
	// written are the Pods, by UID, as the operator wrote to them last.
	written map[types.UID]*corev1.Pod
	// unanswered are those of these writes, by resourceVersion, of which the operator does not know whether they were made.
	// It has a guard for that, which lasts for as long as it does not try again; this does not judge how long that is.
	unanswered map[string]bool
	// begun are by SidecarSet and UID the updates that were begun and have not come to their end.
	begun map[string]map[types.UID]bool
	// ran are the Pods, by UID, of which a container of their own ran.
	ran map[types.UID]bool
	// injectedAreOwn counts every container as a Pod's own.
	injectedAreOwn bool
	// remediating is set while auto remediation deletes a Pod, and remediated counts those.
	remediating bool
	remediated  int
	// judged changes the rules by which a SidecarSet is judged. Nil: by those that it has.
	judged func(spec *v1beta1.SidecarSetSpec)
}

func newPromises() promises {
	return promises{
		versions: map[string]*corev1.Pod{}, written: map[types.UID]*corev1.Pod{}, unanswered: map[string]bool{}, begun: map[string]map[types.UID]bool{}, ran: map[types.UID]bool{},
	}
}

// sidecarRules are the rules of the SidecarSet that the operator looks at, as its cache shows them; nil for none.
func (o *observer) sidecarRules() *v1beta1.SidecarSetSpec {
	for _, object := range o.s.cache.Objects(world.SidecarSet) {
		if set := object.(*v1beta1.SidecarSet); o.acts("sidecarset") && set.Name == o.object.Name {
			spec := set.Spec.DeepCopy()
			if o.judged != nil {
				o.judged(spec)
			}
			return spec
		}
	}
	return nil
}

// known are the Pods as the operator could know of them: as its cache shows them or as it has written to them since.
func (o *observer) known() (out []*corev1.Pod) {
	for _, object := range o.s.cache.Objects(world.Pod) {
		pod, own := o.versions[object.GetResourceVersion()], o.written[object.GetUID()]
		if own != nil && version(own) > version(pod) && !o.unanswered[own.ResourceVersion] {
			pod = own
		}
		out = append(out, pod)
	}
	return out
}

func version(pod *corev1.Pod) int {
	n, _ := strconv.Atoi(pod.ResourceVersion)
	return n
}

// selected reports whether the SidecarSets are for a Pod.
func selected(pod *corev1.Pod) bool { return pod.Labels["app"] == "web" }

// workloadOf names the workload of a Pod: its Deployment, else its controller, else itself.
func workloadOf(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return pod.Namespace + "/Pod/" + pod.Name
	}
	if hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; owner.Kind == world.ReplicaSet && hash != "" {
		if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok {
			return pod.Namespace + "/Deployment/" + name
		}
	}
	return pod.Namespace + "/" + owner.Kind + "/" + owner.Name
}

// restarts reports whether a write restarts a container of a Pod, or keeps the Pod out of service until it does.
func restarts(was, is *corev1.Pod) bool {
	for i := range was.Spec.Containers {
		if was.Spec.Containers[i].Image != is.Spec.Containers[i].Image {
			return true
		}
	}
	return holds(is) != holds(was) && holds(is) != ""
}

// holds is who holds a Pod NotReady, "" for nobody.
func holds(pod *corev1.Pod) string {
	if c := world.Condition(pod, v1beta1.KruisePodReadyCondition); c != nil && c.Status == corev1.ConditionFalse {
		return c.Message
	}
	return ""
}

// noted takes in another state of a Pod, whoever wrote it.
func (o *observer) noted(was, is *corev1.Pod) {
	if is == nil {
		for _, begun := range o.begun {
			delete(begun, was.UID)
		}
		return
	}
	o.versions[is.ResourceVersion] = is
	if world.Condition(is, corev1.PodReady) != nil && serves(is) {
		for _, begun := range o.begun {
			delete(begun, is.UID)
		}
	}
	o.ran[is.UID] = o.ran[is.UID] || o.ownRan(is)
}

// ownRan reports whether a container that is a Pod's own runs, or has run.
func (o *observer) ownRan(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name != "app" && !o.injectedAreOwn {
			continue
		}
		for _, end := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
			if end != nil && end.Reason != "StartError" && end.Reason != "ContainerCannotRun" {
				return true
			}
		}
		if status.State.Running != nil {
			return true
		}
	}
	return false
}

// promised judges a write of a SidecarSet's controller to a Pod.
func (o *observer) promised(r world.Request, was, is *corev1.Pod) {
	rules := o.sidecarRules()
	if rules == nil || is == nil || r.Kind != world.Pod {
		return
	}
	takes := serves(was) && restarts(was, is)
	if takes {
		o.keepsWorkloads(rules, was)
		o.keepsLastPod(rules, was)
		o.keepsBudgets(rules, was)
	}
	o.beginsNothing(rules, was, is)
	o.pulledFirst(rules, was, is)
	o.oneDomain(rules, was, is)
}

// atMost resolves how many Pods of a workload may be down for one of them to be restarted.
func atMost(rules *v1beta1.SidecarSetSpec, pods int) int {
	value := rules.UpdateStrategy.MaxUnavailablePerWorkload
	switch {
	case value == nil:
		return max(1, pods-1)
	case value.Type == intstr.String && value.StrVal == "100%":
		return pods
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, pods, false)
	if err != nil {
		return 1
	}
	return max(1, n)
}
