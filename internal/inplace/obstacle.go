// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/windlass-operator/windlass/internal/pods"
)

// nativeSidecarVersion is the first kubelet that restarts a native sidecar whose image has changed. Those before, from
// 1.29 on, run native sidecars and pass over the change (kubernetes #126525).
var nativeSidecarVersion = version.MustParseGeneric("1.32.0")

// NoResize is the obstacle to a resize where the API server does not serve the subresource.
const NoResize = "resources (this API server cannot resize running Pods)"

// NativeSidecarObstacle says why the kubelet of a node, by the version that it reports, cannot restart a native sidecar
// in place; "" when it can, or when its version is not known.
func NativeSidecarObstacle(node, kubelet string) string {
	if KubeletUnknown(kubelet) || atLeast(kubelet, nativeSidecarVersion) {
		return ""
	}
	return fmt.Sprintf("native sidecars (NotUpgradable: kubelet %s of node %s restarts none, %s does)", kubelet, node, nativeSidecarVersion)
}

// Obstacles says why a Pod cannot take a change that its template, or its SidecarSet, allows; nil when it can. Only a new
// Pod can have the change then.
func (c Change) Obstacles(pod *corev1.Pod) []string {
	var out []string
	for _, name := range c.containers() {
		if pods.Find(pod, name) == nil {
			out = append(out, fmt.Sprintf("the Pod has no container %s", name))
		}
	}
	if len(out) > 0 {
		return out
	}
	if len(c.Restart) > 0 {
		out = append(out, restartObstacles(pod, c.Restart)...)
	}
	if len(c.Resources) > 0 {
		out = append(out, resizeObstacles(pod, c.Resources)...)
	}
	return out
}

func restartObstacles(pod *corev1.Pod, restart map[string]string) []string {
	state, err := ParseState(pod.Annotations)
	if err != nil {
		state = nil // as if nothing had been changed before
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(restart)) {
		if _, err := restartImage(pod, name, restart[name], startedAs(pod, state, name)); err != nil {
			out = append(out, err.Error())
		}
	}
	return out
}

// resizeObstacles says what the API server has against new resources for the Pod as it is: others than its template may
// have given it some.
func resizeObstacles(pod *corev1.Pod, changes map[string]corev1.ResourceRequirements) []string {
	var out []string
	after := &corev1.Pod{Spec: corev1.PodSpec{
		Resources:  pod.Spec.Resources, // where a Pod has its own, they alone decide its QoS class
		Containers: slices.Clone(pod.Spec.Containers), InitContainers: slices.Clone(pod.Spec.InitContainers),
	}}
	changed := false
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		c := pods.Find(after, name)
		resources := withAmounts(c.Resources, changes[name])
		if limit := exceeded(resources); limit != "" {
			out = append(out, fmt.Sprintf("container %s of the Pod would request more %s than its limit", name, limit))
		}
		changed = changed || !equality.Semantic.DeepEqual(resources, c.Resources)
		c.Resources = resources
	}
	if changed && isWindows(&pod.Spec) {
		return []string{"a Windows Pod cannot be resized"}
	}
	if changed && !nodeResizes(pod) {
		out = append(out, fmt.Sprintf("the kubelet of node %s resizes no containers", pod.Spec.NodeName))
	}
	if before, after := qosClass(&pod.Spec), qosClass(&after.Spec); before != after {
		out = append(out, fmt.Sprintf("the Pod's QoS class would change from %s to %s", before, after))
	}
	return out
}

// exceeded names a resource of which more is requested than the limit; "" for none.
func exceeded(resources corev1.ResourceRequirements) corev1.ResourceName {
	for _, name := range resizable {
		request := resources.Requests[name]
		if limit, limited := resources.Limits[name]; limited && request.Cmp(limit) > 0 {
			return name
		}
	}
	return ""
}

// nodeResizes reports, as the API server does by the first running container, whether the kubelet reports resources.
func nodeResizes(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.State.Running != nil {
			return status.Resources != nil
		}
	}
	return true
}
