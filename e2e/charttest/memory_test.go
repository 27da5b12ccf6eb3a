// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// TestTheProgramsKnowTheirMemoryLimit: the garbage collector of a program that does not know it lets the kernel end it.
func TestTheProgramsKnowTheirMemoryLimit(t *testing.T) {
	limit := &corev1.EnvVar{Name: "MEMORY_LIMIT", ValueFrom: &corev1.EnvVarSource{
		ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.memory"},
	}}
	for name, test := range map[string]struct {
		values string
		want   map[string]*corev1.EnvVar
	}{
		"by default":                 {"", map[string]*corev1.EnvVar{"operator": limit, "webhook": limit}},
		"where one has no limit":     {"webhook: {resources: {limits: null}}", map[string]*corev1.EnvVar{"operator": limit, "webhook": nil}},
		"where one asks for nothing": {"webhook: {resources: null}", map[string]*corev1.EnvVar{"operator": limit, "webhook": nil}},
		"where one limits cpu alone": {"operator: {resources: {limits: {memory: null, cpu: 1}}}", map[string]*corev1.EnvVar{"operator": nil, "webhook": limit}},
	} {
		t.Run(name, func(t *testing.T) {
			result := mustRender(t, test.values)
			for component, want := range test.want {
				container := get[*appsv1.Deployment](t, result, "windlass-"+component).Spec.Template.Spec.Containers[0]
				var got *corev1.EnvVar
				for i := range container.Env {
					if container.Env[i].Name == "MEMORY_LIMIT" {
						got = container.Env[i].DeepCopy()
						if got.ValueFrom.ResourceFieldRef.ContainerName != container.Name {
							t.Errorf("it is that of container %q", got.ValueFrom.ResourceFieldRef.ContainerName)
						}
						got.ValueFrom.ResourceFieldRef.ContainerName = ""
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", component, diff)
				}
			}
		})
	}
}
