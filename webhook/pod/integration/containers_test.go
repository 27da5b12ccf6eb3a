// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"
)

func namesOf(list []corev1.Container) []string {
	var out []string
	for i := range list {
		out = append(out, list[i].Name)
	}
	return out
}

func volumeNames(pod *corev1.Pod) []string {
	var out []string
	for i := range pod.Spec.Volumes {
		out = append(out, pod.Spec.Volumes[i].Name)
	}
	return out
}

func envNames(c corev1.Container) []string {
	var out []string
	for i := range c.Env {
		out = append(out, c.Env[i].Name)
	}
	return out
}

func container(pod *corev1.Pod, name string) corev1.Container {
	GinkgoHelper()
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Name == name {
			return c
		}
	}
	Fail("the Pod has no container " + name)
	return corev1.Container{}
}

// neighbourless is a container without what the neighbour added to it.
func neighbourless(c corev1.Container) corev1.Container {
	out := *c.DeepCopy()
	out.VolumeMounts = slices.DeleteFunc(out.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == neighbourName })
	out.Env = slices.DeleteFunc(out.Env, func(e corev1.EnvVar) bool { return e.Name == "NEIGHBOUR" })
	if len(out.VolumeMounts) == 0 {
		out.VolumeMounts = nil
	}
	if len(out.Env) == 0 {
		out.Env = nil
	}
	return out
}

// defaulted is a container as the API server stores it in a Pod.
func defaulted(c corev1.Container) corev1.Container {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{*c.DeepCopy()}}}
	coredefaults.SetObjectDefaults_Pod(pod)
	return pod.Spec.Containers[0]
}
