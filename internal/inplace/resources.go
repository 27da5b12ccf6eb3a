// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/kubernetes/pkg/apis/core/v1/helper/qos"
)

// resizable are the resources that a running container can get more or less of.
var resizable = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory}

// resources lets cpu and memory pass where the API server does: it lets no amount disappear, no QoS class change, and
// resizes no Windows Pods. Pods with resources of their own are left alone, since not every cluster resizes them.
func (d *difference) resources(from *corev1.PodTemplateSpec) {
	spec := &d.reached.Spec
	if d.to.Spec.Resources != nil || isWindows(spec) {
		return
	}
	d.eachRunning(d.resize)
	if len(d.change.Resources) == 0 || qosClass(&from.Spec) == qosClass(spec) {
		return
	}
	d.change.Resources, d.change.ResizeRestarts = nil, nil
	restore := func(reached, from *corev1.Container) { reached.Resources = from.Resources }
	eachOfBoth(spec.Containers, from.Spec.Containers, restore)
	eachOfBoth(spec.InitContainers, from.Spec.InitContainers, restore)
}

func (d *difference) resize(reached, to *corev1.Container) {
	changed := ChangedAmounts(reached.Resources, to.Resources)
	if changed == nil {
		return
	}
	reached.Resources = withAmounts(reached.Resources, *changed)
	put(&d.change.Resources, to.Name, *changed)
	if ResizeRestarts(to.ResizePolicy, *changed) {
		d.change.ResizeRestarts = append(d.change.ResizeRestarts, to.Name)
	}
}

// ResizeRestarts reports whether the kubelet restarts a container with this resizePolicy to change these amounts.
func ResizeRestarts(policies []corev1.ContainerResizePolicy, changed corev1.ResourceRequirements) bool {
	return slices.ContainsFunc(policies, func(policy corev1.ContainerResizePolicy) bool {
		_, request := changed.Requests[policy.ResourceName]
		_, limit := changed.Limits[policy.ResourceName]
		return policy.RestartPolicy == corev1.RestartContainer && (request || limit)
	})
}

// ChangedAmounts are the amounts of cpu and memory that turn the resources that a container has into others; nil when
// none does.
func ChangedAmounts(has, to corev1.ResourceRequirements) *corev1.ResourceRequirements {
	changed := corev1.ResourceRequirements{
		Requests: changedAmounts(has.Requests, to.Requests), Limits: changedAmounts(has.Limits, to.Limits),
	}
	if len(changed.Requests)+len(changed.Limits) == 0 {
		return nil
	}
	return &changed
}

// OnlyAmounts reports whether nothing but amounts of cpu and memory differs between two versions of a container's
// resources, so that a running container can get them.
func OnlyAmounts(before, after corev1.ResourceRequirements) bool {
	return equality.Semantic.DeepEqual(before.Claims, after.Claims) &&
		sameButAmounts(before.Requests, after.Requests) && sameButAmounts(before.Limits, after.Limits)
}

func sameButAmounts(before, after corev1.ResourceList) bool {
	if len(before) != len(after) {
		return false
	}
	for name, quantity := range before {
		other, exists := after[name]
		if !exists || !slices.Contains(resizable, name) && quantity.Cmp(other) != 0 {
			return false
		}
	}
	return true
}

// changedAmounts are the amounts of cpu and memory that are new or different in to; nil when none is.
func changedAmounts(from, to corev1.ResourceList) corev1.ResourceList {
	var out corev1.ResourceList
	for _, name := range resizable {
		before, existed := from[name]
		after, exists := to[name]
		if exists && (!existed || before.Cmp(after) != 0) {
			if out == nil {
				out = corev1.ResourceList{}
			}
			out[name] = after
		}
	}
	return out
}

// withAmounts returns resources with some amounts replaced or added.
func withAmounts(resources, amounts corev1.ResourceRequirements) corev1.ResourceRequirements {
	out := resources
	out.Requests = withAmountsOf(resources.Requests, amounts.Requests)
	out.Limits = withAmountsOf(resources.Limits, amounts.Limits)
	return out
}

func withAmountsOf(list, amounts corev1.ResourceList) corev1.ResourceList {
	if len(amounts) == 0 {
		return list
	}
	out := make(corev1.ResourceList, len(list)+len(amounts))
	maps.Copy(out, list)
	maps.Copy(out, amounts)
	return out
}

// isWindows reports whether Pods of this spec run on Windows.
func isWindows(spec *corev1.PodSpec) bool { return spec.OS != nil && spec.OS.Name == corev1.Windows }

// qosClass is what Kubernetes makes of a Pod's containers.
func qosClass(spec *corev1.PodSpec) corev1.PodQOSClass {
	return qos.ComputePodQOS(&corev1.Pod{Spec: *spec})
}
