// SPDX-License-Identifier: Apache-2.0

package podtemplate

import (
	corev1 "k8s.io/api/core/v1"
)

// DefaultedLike returns Defaulted(recorded) for a comparison with a template that may be the same before a webhook
// filled it in. OpenKruise's webhook stores what is left out, and stores the pull policy Always for every image,
// whereas the API server gives that to :latest alone. A template that is applied again as its user wrote it, with that
// webhook gone, would differ, and replace every Pod. So a container that looks filled in has the pull policy that the
// template leads to, where the template leaves it out.
func DefaultedLike(recorded, template *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	without := *recorded
	without.Spec.Containers = withoutFilledIn(recorded.Spec.Containers, template.Spec.Containers)
	without.Spec.InitContainers = withoutFilledIn(recorded.Spec.InitContainers, template.Spec.InitContainers)
	return Defaulted(&without)
}

// withoutFilledIn returns containers without the pull policies that they did not get from their user.
func withoutFilledIn(recorded, template []corev1.Container) []corev1.Container {
	written := make(map[string]*corev1.Container, len(template))
	for i := range template {
		written[template[i].Name] = &template[i]
	}
	out := make([]corev1.Container, len(recorded))
	for i, c := range recorded {
		now := written[c.Name]
		if now != nil && c.ImagePullPolicy == corev1.PullAlways && now.ImagePullPolicy == "" &&
			filledIn(&c) && !filledIn(now) {
			c.ImagePullPolicy = ""
		}
		out[i] = c
	}
	return out
}

// filledIn reports whether a container states what hardly any user does, and every webhook that fills in defaults.
func filledIn(c *corev1.Container) bool {
	return c.TerminationMessagePath != "" && c.TerminationMessagePolicy != ""
}
