// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// hotContainers makes the pair of a hot-upgrade sidecar: the first works, the second waits with the empty image. In all
// else they are equal.
func hotContainers(equipped corev1.Container, c *v1beta1.SidecarContainer, names []string) (first, second corev1.Container) {
	first, second = equipped, *equipped.DeepCopy()
	second.Image = c.UpgradeStrategy.HotUpgradeEmptyImage
	for i, container := range []*corev1.Container{&first, &second} {
		container.Name = names[i]
		addEnv(container,
			annotationEnv(v1beta1.SidecarVersionEnv, v1beta1.SidecarSetVersionAnnotationPrefix+names[i]),
			annotationEnv(v1beta1.SidecarVersionAltEnv, v1beta1.SidecarSetVersionAltAnnotationPrefix+names[i]))
	}
	return first, second
}

// annotationEnv is a variable that has the value of an annotation of the Pod.
func annotationEnv(name, key string) corev1.EnvVar {
	field := &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: fmt.Sprintf("metadata.annotations['%s']", key)}
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: field}}
}

// hotVersions are the version annotations of a new pair.
func hotVersions(first, second string) map[string]string {
	return map[string]string{
		v1beta1.SidecarSetVersionAnnotationPrefix + first:     "1",
		v1beta1.SidecarSetVersionAltAnnotationPrefix + first:  "0",
		v1beta1.SidecarSetVersionAnnotationPrefix + second:    "0",
		v1beta1.SidecarSetVersionAltAnnotationPrefix + second: "1",
	}
}
