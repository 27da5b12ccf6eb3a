// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
)

// check holds a status that was just written against the truth. Argo CD's check looks at the Pods there are and not at
// how many there should be, so that it is not to blame while Pods cannot be made; the condition Scaling tells then.
func (r *rollout) check(t *testing.T, set *v1beta1.StatefulSet) {
	t.Helper()
	current, healthy := kstatus(set) == "Current", argoHealth(set) == "Healthy" && meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionScaling) == nil
	if !current && !healthy {
		return
	}
	reason := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionReady).Reason
	resting := reason != v1beta1.ReasonComplete
	for _, wrong := range r.wrongs(set, resting) {
		t.Errorf("kstatus %s, Argo CD %s (%s) %s after it began, although %s\n%s",
			kstatus(set), argoHealth(set), reason, r.Now().Sub(r.began), wrong, conditionLines(&set.Status))
	}
}

// wrongs are the ways in which a set is not what it is to be. One that rests may have Pods at earlier revisions.
func (r *rollout) wrongs(set *v1beta1.StatefulSet, resting bool) (out []string) {
	wanted := map[string]bool{}
	for _, ordinal := range ordinals(&set.Spec) {
		wanted[podName(set, ordinal)] = true
		if pod := r.pod(podName(set, ordinal)); pod == nil || foreign(set, pod) {
			out = append(out, podName(set, ordinal)+" is missing")
		}
	}
	for _, pod := range r.Pods() {
		if foreign(set, pod) {
			continue
		}
		if !wanted[pod.Name] {
			out = append(out, pod.Name+" is not wanted")
		}
		if wrong := r.wrong(set, pod, resting); wrong != "" {
			out = append(out, pod.Name+" "+wrong)
		}
	}
	return out
}

// foreign reports whether a Pod is none of the set's, nor its to adopt.
func foreign(set *v1beta1.StatefulSet, pod *corev1.Pod) bool {
	return !metav1.IsControlledBy(pod, set) && (pod.Labels["app"] != "web" || pod.DeletionTimestamp != nil)
}

func (r *rollout) wrong(set *v1beta1.StatefulSet, pod *corev1.Pod, resting bool) string {
	ready := pods.Condition(pod, corev1.PodReady)
	switch {
	case pod.DeletionTimestamp != nil:
		return "is going"
	case !pods.IsTrue(ready):
		return "is not ready"
	case r.Now().Sub(ready.LastTransitionTime.Time) < time.Duration(set.Spec.MinReadySeconds)*time.Second:
		return "is not available yet"
	case !resting && pod.Labels["controller-revision-hash"] != set.Status.UpdateRevision:
		return "is at another revision"
	case !resting && pod.Spec.Containers[0].Image != set.Spec.Template.Spec.Containers[0].Image:
		return "has another image"
	case pod.Status.ContainerStatuses[0].Image != pod.Spec.Containers[0].Image:
		return "runs another image than it should"
	case inplace.Unfinished(pod) != "":
		return inplace.Unfinished(pod)
	}
	return ""
}

// kstatus is how tools built on kstatus read a set.
func kstatus(set *v1beta1.StatefulSet) string {
	conditions := set.Status.Conditions
	switch {
	case set.DeletionTimestamp != nil:
		return "Terminating"
	case set.Status.ObservedGeneration != set.Generation:
		return "InProgress"
	case meta.IsStatusConditionTrue(conditions, "Reconciling"):
		return "InProgress"
	case meta.IsStatusConditionTrue(conditions, "Stalled"):
		return "Failed"
	case meta.FindStatusCondition(conditions, "Ready") != nil && !meta.IsStatusConditionTrue(conditions, "Ready"):
		return "InProgress"
	}
	return "Current"
}

// argoHealth is how Argo CD's own check reads a set.
func argoHealth(set *v1beta1.StatefulSet) string {
	rolling, status := set.Spec.UpdateStrategy.RollingUpdate, &set.Status
	switch partition := *rolling.Partition; {
	case set.Generation != status.ObservedGeneration:
		return "Progressing"
	case rolling.Paused:
		return "Suspended"
	case partition != 0 && set.Generation > 1 && status.UpdatedReplicas > *set.Spec.Replicas-partition:
		return "Suspended"
	case partition != 0 && set.Generation > 1:
		return "Progressing"
	case status.UpdatedAvailableReplicas == status.Replicas:
		return "Healthy"
	}
	return "Degraded"
}
