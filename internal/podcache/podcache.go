// SPDX-License-Identifier: Apache-2.0

// Package podcache decides what a cache of Pods keeps. Pods are the bulk of what the operator holds in memory, so
// everything that no controller reads is dropped on arrival. What is cached is therefore never written back: writes are
// patches.
package podcache

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/quantity"
)

// Trim is a cache.TransformFunc: it returns a Pod with nothing but
//
//   - its identity, labels, annotations (but for what kubectl apply keeps in
//     one), owners, finalizers and times;
//   - of its spec the node, the node selector, the operating system, the restart
//     policy, the readiness and scheduling gates, its own resources, the claims it mounts, and of containers the name,
//     image, resources, restart policy, whether they have probes, and whether they say that they were injected;
//   - of its status the phase, reason, message, conditions, container statuses,
//     Pod IPs and observed generation.
//
// Quantities that would cost too much to compute with are capped. Objects of other kinds, and tombstones, pass
// unchanged.
func Trim(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	trimmed := &corev1.Pod{
		TypeMeta:   pod.TypeMeta,
		ObjectMeta: trimMeta(&pod.ObjectMeta),
		Spec:       trimSpec(&pod.Spec),
		Status:     trimStatus(&pod.Status),
	}
	quantity.Cap(trimmed)
	return trimmed, nil
}

func trimMeta(meta *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: meta.Name, Namespace: meta.Namespace, UID: meta.UID,
		ResourceVersion: meta.ResourceVersion, Generation: meta.Generation,
		CreationTimestamp: meta.CreationTimestamp,
		DeletionTimestamp: meta.DeletionTimestamp, DeletionGracePeriodSeconds: meta.DeletionGracePeriodSeconds,
		Labels: meta.Labels, Annotations: trimAnnotations(meta.Annotations),
		OwnerReferences: meta.OwnerReferences, Finalizers: meta.Finalizers,
	}
}

// DroppedAnnotation is the one annotation that Trim does not keep. That a trimmed Pod lacks it says nothing.
const DroppedAnnotation = corev1.LastAppliedConfigAnnotation

func trimAnnotations(annotations map[string]string) map[string]string {
	if _, ok := annotations[DroppedAnnotation]; !ok {
		return annotations
	}
	out := maps.Clone(annotations)
	delete(out, DroppedAnnotation)
	return out
}

func trimSpec(spec *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		NodeName: spec.NodeName, NodeSelector: spec.NodeSelector, OS: spec.OS, ReadinessGates: spec.ReadinessGates,
		SchedulingGates: spec.SchedulingGates, RestartPolicy: spec.RestartPolicy, Resources: spec.Resources,
		InitContainers: trimContainers(spec.InitContainers),
		Containers:     trimContainers(spec.Containers),
		Volumes:        claims(spec.Volumes),
	}
}

func trimContainers(containers []corev1.Container) []corev1.Container {
	out := make([]corev1.Container, len(containers))
	for i := range containers {
		c := &containers[i]
		out[i] = corev1.Container{
			Name: c.Name, Image: c.Image, Resources: c.Resources, RestartPolicy: c.RestartPolicy,
			LivenessProbe: present(c.LivenessProbe), ReadinessProbe: present(c.ReadinessProbe), StartupProbe: present(c.StartupProbe),
			Env: mark(c.Env),
		}
	}
	return out
}

// aMark is the environment of every container that says that it was injected.
var aMark = []corev1.EnvVar{{Name: v1beta1.SidecarInjectedEnv, Value: "true"}}

func mark(env []corev1.EnvVar) []corev1.EnvVar {
	for i := range env {
		if env[i].Name == aMark[0].Name && env[i].Value == aMark[0].Value {
			return aMark
		}
	}
	return nil
}

// aProbe stands for every probe: that there is one is all that is asked.
var aProbe = &corev1.Probe{}

func present(probe *corev1.Probe) *corev1.Probe {
	if probe == nil {
		return nil
	}
	return aProbe
}

func claims(volumes []corev1.Volume) []corev1.Volume {
	var out []corev1.Volume
	for i := range volumes {
		if volumes[i].PersistentVolumeClaim != nil {
			out = append(out, volumes[i])
		}
	}
	return out
}

func trimStatus(status *corev1.PodStatus) corev1.PodStatus {
	return corev1.PodStatus{
		Phase: status.Phase, Reason: status.Reason, Message: status.Message, ObservedGeneration: status.ObservedGeneration,
		Conditions: trimConditions(status.Conditions), PodIP: status.PodIP, StartTime: status.StartTime,
		InitContainerStatuses: status.InitContainerStatuses, ContainerStatuses: status.ContainerStatuses,
	}
}

// trimConditions drops the probe times, which change without meaning.
func trimConditions(conditions []corev1.PodCondition) []corev1.PodCondition {
	out := make([]corev1.PodCondition, len(conditions))
	for i, c := range conditions {
		c.LastProbeTime = metav1.Time{}
		out[i] = c
	}
	return out
}

// TrimNode is a cache.TransformFunc: it returns a Node with nothing but its identity, labels, taints, conditions and
// the versions it reports, and the one annotation by which people keep auto remediation away from it.
func TrimNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	return &corev1.Node{
		TypeMeta: node.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, Labels: node.Labels,
			CreationTimestamp: node.CreationTimestamp, DeletionTimestamp: node.DeletionTimestamp,
			Annotations: only(node.Annotations, v1beta1.SkipRemediationAnnotation),
		},
		Spec:   corev1.NodeSpec{Unschedulable: node.Spec.Unschedulable, Taints: node.Spec.Taints},
		Status: corev1.NodeStatus{NodeInfo: node.Status.NodeInfo, Conditions: node.Status.Conditions},
	}, nil
}

// only keeps one entry.
func only(annotations map[string]string, key string) map[string]string {
	value, ok := annotations[key]
	if !ok {
		return nil
	}
	return map[string]string{key: value}
}
