// SPDX-License-Identifier: Apache-2.0

package validity

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// What stands in a shape for names and values that are not looked at.
const (
	anyName  = "any"
	anyValue = "x"
	// tokenVolume begins the name of the volume that the API server adds for the token of the service account; a random
	// end follows.
	tokenVolume = "kube-api-access-"
)

// shapes are the Pod without and with the injection, reduced to what validation looks at of containers, volumes and
// annotations. It is the shapes that are validated, so the memory never changes an answer. Neither the Pod nor the
// injection is changed.
func shapes(pod *corev1.Pod, injection *sidecar.Injection) (before, after *corev1.Pod) {
	injected := &corev1.Pod{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
	injected.Annotations = maps.Clone(pod.Annotations)
	injected.Spec.InitContainers = slices.Clone(pod.Spec.InitContainers)
	injected.Spec.Containers = slices.Clone(pod.Spec.Containers)
	injected.Spec.Volumes = slices.Clip(pod.Spec.Volumes)
	injected.Spec.ImagePullSecrets = slices.Clip(pod.Spec.ImagePullSecrets)
	injected.Spec.ReadinessGates = slices.Clip(pod.Spec.ReadinessGates)
	injected.Labels = maps.Clone(pod.Labels)
	injection.Apply(injected)
	named := slices.ContainsFunc(injected.Spec.Volumes, func(v corev1.Volume) bool { return v.Ephemeral != nil })
	return shapeOf(pod, named), shapeOf(injected, named)
}

// outlandish reports whether the Pod asks for an amount that takes long to compute with, such as 1e200000000. The API
// server is left to refuse it.
func outlandish(pod *corev1.Pod) bool {
	lists := []corev1.ResourceList{pod.Spec.Overhead}
	if all := pod.Spec.Resources; all != nil {
		lists = append(lists, all.Limits, all.Requests)
	}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			lists = append(lists, containers[i].Resources.Limits, containers[i].Resources.Requests)
		}
	}
	for i := range pod.Spec.Volumes {
		if dir := pod.Spec.Volumes[i].EmptyDir; dir != nil && dir.SizeLimit != nil {
			lists = append(lists, corev1.ResourceList{"": *dir.SizeLimit})
		}
		if claim := pod.Spec.Volumes[i].Ephemeral; claim != nil && claim.VolumeClaimTemplate != nil {
			lists = append(lists, claim.VolumeClaimTemplate.Spec.Resources.Requests, claim.VolumeClaimTemplate.Spec.Resources.Limits)
		}
	}
	return slices.ContainsFunc(lists, func(list corev1.ResourceList) bool {
		for _, amount := range list {
			if isOutlandish(amount) {
				return true
			}
		}
		return false
	})
}

// isOutlandish looks at a copy of an amount, and computes nothing.
func isOutlandish(amount resource.Quantity) bool {
	const digits, bits = 40, 200
	dec := amount.AsDec()
	return dec.Scale() > digits || dec.Scale() < -digits || dec.UnscaledBig().BitLen() > bits
}

// shapeOf reduces a Pod. The names of the Pod and its claims matter, which is named, while it has ephemeral volumes:
// their claims are named after the Pod.
//
// What is left out is left out by name, so that a field of the future counts.
func shapeOf(pod *corev1.Pod, named bool) *corev1.Pod {
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: anyName, Namespace: anyName,
		Annotations: annotationsOf(pod.Annotations)}, Spec: pod.Spec}
	if named {
		out.Name = pod.Name
		if out.Name == "" {
			out.Name = pod.GenerateName + anyValue
		}
	}
	spec := &out.Spec
	spec.NodeName, spec.NodeSelector, spec.Affinity, spec.Tolerations, spec.TopologySpreadConstraints = "", nil, nil, nil, nil
	spec.SchedulerName, spec.SchedulingGates, spec.PriorityClassName, spec.Priority = "", nil, "", nil
	spec.Hostname, spec.Subdomain, spec.HostAliases, spec.DNSConfig, spec.ReadinessGates = "", "", nil, nil, nil
	spec.InitContainers = containersOf(spec.InitContainers)
	spec.Containers = containersOf(spec.Containers)
	spec.Volumes = volumesOf(spec.Volumes, named)
	tokens := slices.DeleteFunc(slices.Clone(spec.Volumes), func(v corev1.Volume) bool { return !isRandom(v.Name) })
	if len(tokens) == 1 {
		renameVolume(spec, tokens[0].Name)
	}
	return out
}

// annotationsOf keeps the keys, and the values that Kubernetes gives a meaning.
func annotationsOf(annotations map[string]string) map[string]string {
	out := make(map[string]string, len(annotations))
	for key, value := range annotations {
		if !strings.Contains(key, "kubernetes.io/") || key == corev1.LastAppliedConfigAnnotation {
			value = ""
		}
		out[key] = value
	}
	return out
}

// containersOf leaves out what runs in a container, and the values of its environment.
func containersOf(list []corev1.Container) []corev1.Container {
	out := slices.Clone(list)
	for i := range out {
		c := &out[i]
		c.Command, c.Args = nil, nil
		c.Env = slices.Clone(c.Env)
		for j := range c.Env {
			if c.Env[j].Value != "" {
				c.Env[j].Value = anyValue
			}
		}
		c.VolumeMounts = slices.Clone(c.VolumeMounts)
	}
	return out
}

func volumesOf(list []corev1.Volume, named bool) []corev1.Volume {
	out := slices.Clone(list)
	for i := range out {
		v := &out[i]
		if claim := v.PersistentVolumeClaim; claim != nil && claim.ClaimName != "" && !named {
			anyClaim := *claim
			anyClaim.ClaimName = anyName
			v.PersistentVolumeClaim = &anyClaim
		}
	}
	return out
}

// isRandom reports whether a volume has a name that the API server has made for a token: its end has five random
// characters.
func isRandom(name string) bool {
	end, ok := strings.CutPrefix(name, tokenVolume)
	return ok && len(end) == 5
}

// renameVolume gives the volume for the token one name in all Pods. The lists are the shape's own.
func renameVolume(spec *corev1.PodSpec, name string) {
	for i := range spec.Volumes {
		if spec.Volumes[i].Name == name {
			spec.Volumes[i].Name = tokenVolume + anyValue
		}
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			for j := range containers[i].VolumeMounts {
				if mount := &containers[i].VolumeMounts[j]; mount.Name == name {
					mount.Name = tokenVolume + anyValue
				}
			}
		}
	}
}
