// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// computeResources gives a sidecar the resources that its policy computes from those of the Pod's own containers and
// native sidecars. What cannot be computed for this Pod is left out: never is a Pod refused for it.
func (d *donor) computeResources(c *corev1.Container, spec *v1beta1.ResourcesPolicy) (warnings []string) {
	policy, err := policyOf(spec)
	if err != nil {
		return []string{fmt.Sprintf("it gets no computed resources: resourcesPolicy.%v", err)}
	}
	targets := d.targets(policy)
	if len(targets) == 0 {
		return []string{fmt.Sprintf("it gets no computed resources: "+
			"resourcesPolicy.targetContainersNameRegex is %q, which matches no container of the Pod", spec.TargetContainersNameRegex)}
	}
	if policy.limits != nil {
		c.Resources.Limits = nil
		for _, f := range policy.limits {
			if total, limited := policy.limit(targets, f.resource); limited {
				warnings = append(warnings, f.compute(&c.Resources.Limits, "limits", total)...)
			}
		}
	}
	if policy.requests != nil {
		c.Resources.Requests = nil
		for _, f := range policy.requests {
			warnings = append(warnings, f.compute(&c.Resources.Requests, "requests", policy.request(targets, f.resource))...)
		}
	}
	return append(warnings, capRequests(&c.Resources)...)
}

// targets are the containers of the Pod that a policy picks: all that run as long as the Pod does.
func (d *donor) targets(policy *resourcesPolicy) []*corev1.Container {
	var out []*corev1.Container
	for _, c := range d.initContainers {
		if pods.IsNativeSidecar(c) && policy.regex.MatchString(c.Name) {
			out = append(out, c)
		}
	}
	for _, c := range d.containers {
		if policy.regex.MatchString(c.Name) {
			out = append(out, c)
		}
	}
	return out
}

// limit aggregates a limit. When one of the targets has none, all of them together have none, and limited is false.
func (p *resourcesPolicy) limit(targets []*corev1.Container, name corev1.ResourceName) (total resource.Quantity, limited bool) {
	for _, c := range targets {
		value, ok := c.Resources.Limits[name]
		if !ok {
			return resource.Quantity{}, false
		}
		p.aggregate(&total, value)
	}
	return total, true
}

// request aggregates a request. A missing one is 0.
func (p *resourcesPolicy) request(targets []*corev1.Container, name corev1.ResourceName) (total resource.Quantity) {
	for _, c := range targets {
		p.aggregate(&total, c.Resources.Requests[name])
	}
	return total
}

func (p *resourcesPolicy) aggregate(total *resource.Quantity, value resource.Quantity) {
	switch {
	case p.mode == v1beta1.TargetContainersModeSum:
		total.Add(value)
	case total.Cmp(value) < 0:
		*total = value.DeepCopy()
	}
}

// compute puts the formula's value into the list.
func (f *formula) compute(list *corev1.ResourceList, kind string, value resource.Quantity) (warnings []string) {
	result, err := f.expression.Eval(f.resource, value)
	if err != nil {
		return []string{fmt.Sprintf("resourcesPolicy.resourcesExpr.%s.%s is left out: %v", kind, f.resource, err)}
	}
	if *list == nil {
		*list = corev1.ResourceList{}
	}
	(*list)[f.resource] = result
	return nil
}

// capRequests lowers requests to their limits; the API server would refuse the Pod.
func capRequests(resources *corev1.ResourceRequirements) (warnings []string) {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		request, requested := resources.Requests[name]
		limit, limited := resources.Limits[name]
		if requested && limited && request.Cmp(limit) > 0 {
			warnings = append(warnings, fmt.Sprintf(
				"resourcesPolicy computes a request of %s %s, more than the limit of %s; the limit is requested",
				request.String(), name, limit.String()))
			resources.Requests[name] = limit.DeepCopy()
		}
	}
	return warnings
}
