package inplace

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// Obstacle says why a Pod cannot take a change that its template allows, ""
// when it can. Such a Pod must be replaced.
func Obstacle(pod *corev1.Pod, change *Change) string {
	for _, name := range slices.Sorted(maps.Keys(change.Images)) {
		if find(pod, name) == nil {
			return fmt.Sprintf("the Pod has no container %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(change.Restart)) {
		if _, err := restartImage(pod, name, change.Restart[name]); err != nil {
			return err.Error()
		}
	}
	return resizeObstacle(pod, change.Resources)
}

// resizeObstacle says what the API server has against new resources for the
// Pod as it is: others than its template may have given it some.
func resizeObstacle(pod *corev1.Pod, changes map[string]corev1.ResourceRequirements) string {
	resized := corev1.PodSpec{Containers: slices.Clone(pod.Spec.Containers), InitContainers: slices.Clone(pod.Spec.InitContainers)}
	after := &corev1.Pod{Spec: resized}
	changed := false
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		place := find(after, name)
		if place == nil {
			return fmt.Sprintf("the Pod has no container %s", name)
		}
		resources := withAmounts(place.container.Resources, changes[name])
		if limit := exceeded(resources); limit != "" {
			return fmt.Sprintf("container %s of the Pod would request more %s than its limit", name, limit)
		}
		changed = changed || !equality.Semantic.DeepEqual(resources, place.container.Resources)
		place.container.Resources = resources
	}
	switch {
	case !changed:
		return ""
	case !nodeResizes(pod):
		return fmt.Sprintf("the kubelet of node %s resizes no containers", pod.Spec.NodeName)
	case qosClass(&pod.Spec) != qosClass(&after.Spec):
		return fmt.Sprintf("the Pod's QoS class would change from %s to %s", qosClass(&pod.Spec), qosClass(&after.Spec))
	}
	return ""
}

// exceeded names a resource of which more is requested than the limit; "" for
// none.
func exceeded(resources corev1.ResourceRequirements) corev1.ResourceName {
	for _, name := range resizable {
		request := resources.Requests[name]
		if limit, limited := resources.Limits[name]; limited && request.Cmp(limit) > 0 {
			return name
		}
	}
	return ""
}

// nodeResizes tells, as the API server does, by the first running container
// whether the kubelet reports resources.
func nodeResizes(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.State.Running != nil {
			return status.Resources != nil
		}
	}
	return true
}
