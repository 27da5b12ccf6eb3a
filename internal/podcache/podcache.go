// SPDX-License-Identifier: Apache-2.0

// Package podcache decides what a cache of Pods keeps. Pods are the bulk of what the operator holds in memory, so
// everything that no controller reads is dropped on arrival. What is cached is therefore never written back: writes are
// patches.
package podcache

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Trim returns a copy of a Pod with nothing but
//
//   - its identity, labels, annotations (but for what kubectl apply keeps in
//     one), owners, finalizers and times;
//   - of its spec the node, the node selector, the operating system, the restart
//     policy, the readiness and scheduling gates, its own resources, the claims it mounts, and of containers the name,
//     image, resources, restart policy, whether they have probes, and whether they say that they were injected;
//   - of its status the phase, reason, message, conditions (of a Pod that is Ready but for those that follow from it),
//     start time, observed generation, and of containers the state, the one before, the image, the ids, the restarts
//     and the resources.
//
// What several Pods have in common is kept once: nothing of a cached Pod may be written to. Quantities that would cost
// too much to compute with are capped. Objects of other kinds, and tombstones, pass unchanged.
func Trim(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	mine := *pod
	mine.Status.Conditions = slices.Clone(pod.Status.Conditions)
	mine.Status.InitContainerStatuses = slices.Clone(pod.Status.InitContainerStatuses)
	mine.Status.ContainerStatuses = slices.Clone(pod.Status.ContainerStatuses)
	return TrimOwned(&mine)
}

// TrimOwned is a cache.TransformFunc that does what Trim does to the Pod itself: a cache hands over what it has decoded,
// which nobody else holds. A copy would double the garbage, and leave gaps of its size between all that is kept.
func TrimOwned(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	pack(pod)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	*pod = corev1.Pod{
		TypeMeta:   shared.typeMeta(pod.TypeMeta),
		ObjectMeta: shared.trimMeta(&pod.ObjectMeta),
		Spec:       shared.trimSpec(&pod.Spec),
		Status:     shared.trimStatus(&pod.Status, pod.Spec.ReadinessGates),
	}
	return pod, nil
}

func (p *pools) typeMeta(kind metav1.TypeMeta) metav1.TypeMeta {
	return metav1.TypeMeta{Kind: p.text(kind.Kind), APIVersion: p.text(kind.APIVersion)}
}

func (p *pools) trimMeta(meta *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: meta.Name, Namespace: p.text(meta.Namespace), UID: meta.UID,
		ResourceVersion: meta.ResourceVersion, Generation: meta.Generation,
		CreationTimestamp: meta.CreationTimestamp,
		DeletionTimestamp: meta.DeletionTimestamp, DeletionGracePeriodSeconds: meta.DeletionGracePeriodSeconds,
		Labels: p.stringMap(meta.Labels, meta.Name), Annotations: p.stringMap(trimAnnotations(meta.Annotations), meta.Name),
		OwnerReferences: p.ownerReferences(meta.OwnerReferences), Finalizers: meta.Finalizers,
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

func (p *pools) trimSpec(spec *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		NodeName: p.text(spec.NodeName), NodeSelector: p.stringMap(spec.NodeSelector, ""), OS: spec.OS,
		ReadinessGates: p.readinessGates(spec.ReadinessGates), SchedulingGates: spec.SchedulingGates,
		RestartPolicy: text(p, spec.RestartPolicy), Resources: p.resources(spec.Resources),
		InitContainers: p.trimContainers(spec.InitContainers),
		Containers:     p.trimContainers(spec.Containers),
		Volumes:        claims(spec.Volumes),
	}
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

func (p *pools) trimStatus(status *corev1.PodStatus, gates []corev1.PodReadinessGate) corev1.PodStatus {
	return corev1.PodStatus{
		Phase: text(p, status.Phase), Reason: p.text(status.Reason), Message: p.text(status.Message),
		ObservedGeneration: status.ObservedGeneration,
		Conditions:         p.trimConditions(status.Conditions, gates), StartTime: status.StartTime,
		InitContainerStatuses: p.trimStatuses(status.InitContainerStatuses), ContainerStatuses: p.trimStatuses(status.ContainerStatuses),
	}
}

// trimConditions drops what follows from the others, and the probe times, which change without meaning.
func (p *pools) trimConditions(conditions []corev1.PodCondition, gates []corev1.PodReadinessGate) []corev1.PodCondition {
	ready := func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }
	if slices.ContainsFunc(conditions, ready) {
		conditions = slices.DeleteFunc(conditions, func(c corev1.PodCondition) bool { return followsFromReady(&c, gates) })
	}
	for i := range conditions {
		c := &conditions[i]
		c.LastProbeTime = metav1.Time{}
		c.Type, c.Status, c.Reason, c.Message = text(p, c.Type), text(p, c.Status), p.text(c.Reason), p.text(c.Message)
	}
	return fitted(conditions)
}

// followsFromReady reports whether a condition says nothing that the Ready condition of its Pod, which is true, does not
// say. They are half of what most Pods have. One that a gate names is asked for by itself. Of a Pod that is not Ready all
// conditions stay, and in their places: patches test them there.
func followsFromReady(c *corev1.PodCondition, gates []corev1.PodReadinessGate) bool {
	switch c.Type {
	case corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady:
		return c.Status == corev1.ConditionTrue &&
			!slices.ContainsFunc(gates, func(gate corev1.PodReadinessGate) bool { return gate.ConditionType == c.Type })
	}
	return false
}

func (p *pools) trimStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	for i := range statuses {
		s := &statuses[i]
		*s = corev1.ContainerStatus{
			Name: p.text(s.Name), State: s.State, LastTerminationState: s.LastTerminationState, Ready: s.Ready, RestartCount: s.RestartCount,
			Image: p.text(s.Image), ImageID: p.text(s.ImageID), ContainerID: s.ContainerID, Started: sharedBool(s.Started),
			Resources: p.resources(s.Resources),
		}
	}
	return fitted(statuses)
}

// fitted moves a list that has room for more: decoding doubles the room each time that it is too small.
func fitted[T any](list []T) []T {
	if cap(list) > len(list) {
		return append(make([]T, 0, len(list)), list...)
	}
	return list
}

var yes, no = true, false

// sharedBool is the same pointer for all that are equal.
func sharedBool(b *bool) *bool {
	switch {
	case b == nil:
		return nil
	case *b:
		return &yes
	}
	return &no
}

// TrimNode is a cache.TransformFunc: it returns a Node with nothing but its identity, labels, taints, conditions, the
// kubelet's version, the id of its boot, and the one annotation by which people keep auto remediation away from it.
func TrimNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	return &corev1.Node{
		TypeMeta: shared.typeMeta(node.TypeMeta),
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, Labels: shared.copyMap(node.Labels, node.Name),
			CreationTimestamp: node.CreationTimestamp, DeletionTimestamp: node.DeletionTimestamp,
			Annotations: only(node.Annotations, v1beta1.SkipRemediationAnnotation),
		},
		Spec: corev1.NodeSpec{Unschedulable: node.Spec.Unschedulable, Taints: node.Spec.Taints},
		Status: corev1.NodeStatus{
			NodeInfo: corev1.NodeSystemInfo{
				BootID: node.Status.NodeInfo.BootID, KubeletVersion: shared.text(node.Status.NodeInfo.KubeletVersion),
			},
			Conditions: shared.nodeConditions(node.Status.Conditions),
		},
	}, nil
}

// nodeConditions drops the times of heartbeats, which change without meaning.
func (p *pools) nodeConditions(conditions []corev1.NodeCondition) []corev1.NodeCondition {
	out := make([]corev1.NodeCondition, len(conditions))
	for i, c := range conditions {
		c.LastHeartbeatTime = metav1.Time{}
		c.Type, c.Status, c.Reason, c.Message = text(p, c.Type), text(p, c.Status), p.text(c.Reason), p.text(c.Message)
		out[i] = c
	}
	return out
}

// only keeps one entry.
func only(annotations map[string]string, key string) map[string]string {
	value, ok := annotations[key]
	if !ok {
		return nil
	}
	return map[string]string{key: value}
}
