// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestTransferredEnv(t *testing.T) {
	value := func(name, value string) corev1.EnvVar { return corev1.EnvVar{Name: name, Value: value} }
	fromField := func(path string) *v1beta1.SourceContainerNameSource {
		return &v1beta1.SourceContainerNameSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	app := []corev1.EnvVar{value("B", "1"), value("A", "2"), fieldEnv("IP", "status.podIP")}
	for name, test := range map[string]struct {
		own       []corev1.EnvVar
		transfers []v1beta1.TransferEnvVar
		want      []corev1.EnvVar
	}{
		"one variable of a named container": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerName: "app", EnvName: "A"}}, []corev1.EnvVar{injectedEnv, value("A", "2")}},
		"several, each once, by name": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerName: "app", EnvName: "B", EnvNames: []string{"B", "A"}}},
			[]corev1.EnvVar{injectedEnv, value("A", "2"), value("B", "1")}},
		"where a value comes from is copied": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerName: "app", EnvName: "IP"}}, []corev1.EnvVar{injectedEnv, fieldEnv("IP", "status.podIP")}},
		"the container that a label names": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerNameFrom: fromField("metadata.labels['main']"), EnvName: "A"}},
			[]corev1.EnvVar{injectedEnv, value("A", "2")}},
		"the container that an annotation names": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerNameFrom: fromField("metadata.annotations['example.com/main']"), EnvName: "A"}},
			[]corev1.EnvVar{injectedEnv, value("A", "2")}},
		"the container that an annotation names which the set itself patches in": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerNameFrom: fromField("metadata.annotations['patched']"), EnvName: "A"}},
			[]corev1.EnvVar{injectedEnv, value("A", "2")}},
		"the container that has the Pod's name": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerNameFrom: fromField("metadata.name"), EnvName: "A"}},
			[]corev1.EnvVar{injectedEnv, value("A", "named")}},
		"nothing from a label that is not there": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerNameFrom: fromField("metadata.labels['absent']"), EnvName: "A"}}, []corev1.EnvVar{injectedEnv}},
		"nothing from a field that cannot name a container": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerNameFrom: fromField("spec.nodeName"), EnvName: "A"}}, []corev1.EnvVar{injectedEnv}},
		"nothing from a container that is not there": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerName: "absent", EnvName: "A"}}, []corev1.EnvVar{injectedEnv}},
		"no variable that is not there": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerName: "app", EnvNames: []string{"ABSENT", "A"}}}, []corev1.EnvVar{injectedEnv, value("A", "2")}},
		"the sidecar's own come first and win": {
			[]corev1.EnvVar{value("A", "own")}, []v1beta1.TransferEnvVar{{SourceContainerName: "app", EnvNames: []string{"A", "B"}}},
			[]corev1.EnvVar{value("A", "own"), injectedEnv, value("B", "1")}},
		"of two entries the first wins": {
			nil, []v1beta1.TransferEnvVar{{SourceContainerName: "p", EnvName: "A"}, {SourceContainerName: "app", EnvName: "A"}},
			[]corev1.EnvVar{injectedEnv, value("A", "named")}},
	} {
		t.Run(name, func(t *testing.T) {
			set := compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").InitContainer("setup", "setup:1").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].Env, s.Containers[0].TransferEnv = test.own, test.transfers
				s.InitContainers[0].Env, s.InitContainers[0].TransferEnv = test.own, test.transfers
				s.PatchPodMetadata = []v1beta1.SidecarSetPatchPodMetadata{{Annotations: map[string]string{"patched": "app"}}}
			}).Obj())
			pod := build.MakePod("p").New().Label("main", "app").Annotation("example.com/main", "app").Obj()
			pod.Spec.Containers[0].Env = app
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "p", Env: []corev1.EnvVar{value("A", "named")}})
			inject(t, pod, set)
			for _, c := range []corev1.Container{pod.Spec.Containers[0], pod.Spec.InitContainers[0]} {
				if diff := cmp.Diff(test.want, c.Env); diff != "" {
					t.Errorf("env of %s (-want +got):\n%s", c.Name, diff)
				}
			}
		})
	}
}
