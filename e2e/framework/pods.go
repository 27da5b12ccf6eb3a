// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Pods lists the Pods of a namespace that carry the labels, without those on their way out, sorted by name.
func (c *Cluster) Pods(ctx context.Context, namespace string, labels map[string]string) ([]corev1.Pod, error) {
	list := &corev1.PodList{}
	if err := c.Client.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels(labels)); err != nil {
		return nil, fmt.Errorf("list Pods of namespace %s: %w", namespace, err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, nil
}

// ReadyPods is Pods, and fails unless there are exactly so many and all of them are ready.
func (c *Cluster) ReadyPods(ctx context.Context, namespace string, labels map[string]string, count int) ([]corev1.Pod, error) {
	pods, err := c.Pods(ctx, namespace, labels)
	if err != nil {
		return nil, err
	}
	if len(pods) != count {
		return nil, fmt.Errorf("namespace %s has %d Pods labelled %v, not %d", namespace, len(pods), labels, count)
	}
	for i := range pods {
		if !IsReady(&pods[i]) {
			return nil, fmt.Errorf("Pod %s/%s is not ready: %s", namespace, pods[i].Name, describe(&pods[i]))
		}
	}
	return pods, nil
}

// ReleasePods lists the Pods of one program of the release: operator or webhook.
func (c *Cluster) ReleasePods(ctx context.Context, component string) ([]corev1.Pod, error) {
	return c.Pods(ctx, c.Options.Namespace, releaseLabels(component))
}

// ReadyReleasePods is ReleasePods, and fails unless there are exactly so many and all of them are ready.
func (c *Cluster) ReadyReleasePods(ctx context.Context, component string, count int) ([]corev1.Pod, error) {
	return c.ReadyPods(ctx, c.Options.Namespace, releaseLabels(component), count)
}

func releaseLabels(component string) map[string]string {
	return map[string]string{"app.kubernetes.io/instance": ReleaseName, "app.kubernetes.io/component": component}
}

// Injects returns nil when a new Pod of a workload would get the sidecar of a SidecarSet now. The webhook learns of
// SidecarSets through a watch, and the API server of the webhook's readiness through another, so this may take a moment
// to become true.
func (c *Cluster) Injects(ctx context.Context, namespace, app, set string) error {
	pod := UnscheduledPod(namespace, "probe", app)
	if err := c.Client.Create(ctx, pod, client.DryRunAll); err != nil {
		return fmt.Errorf("try to create a Pod in namespace %s: %w", namespace, err)
	}
	if !IsInjected(pod, set) {
		return fmt.Errorf("a new Pod of %s in namespace %s does not get the sidecar of SidecarSet %s", app, namespace, set)
	}
	return nil
}

// IsInjected reports whether the Pod holds the sidecar of a SidecarSet, and says so by its annotation.
func IsInjected(pod *corev1.Pod, set string) bool {
	listed := strings.Split(pod.Annotations[v1beta1.SidecarSetInjectedListAnnotation], ",")
	return slices.Contains(listed, set) && Container(pod, SidecarContainer) != nil
}

// IsReady reports whether the Pod serves.
func IsReady(pod *corev1.Pod) bool {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Container finds a container of the Pod, native sidecars and init containers included; nil when there is none of the
// name.
func Container(pod *corev1.Pod, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// ContainerStatus finds the status of a container of the Pod; the zero status when there is none of the name.
func ContainerStatus(pod *corev1.Pod, name string) corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return list[i]
			}
		}
	}
	return corev1.ContainerStatus{}
}

// Identity is what makes a Pod the same one as before: what would be another one had it been created anew.
type Identity struct {
	UID  types.UID
	IP   string
	Node string
}

// Identities returns the Pods' identities by name.
func Identities(pods []corev1.Pod) map[string]Identity {
	out := make(map[string]Identity, len(pods))
	for i := range pods {
		out[pods[i].Name] = Identity{UID: pods[i].UID, IP: pods[i].Status.PodIP, Node: pods[i].Spec.NodeName}
	}
	return out
}

// Restarts returns how often each container of the Pods was restarted, by Pod and container name: "pod/container".
func Restarts(pods []corev1.Pod) map[string]int32 {
	out := map[string]int32{}
	for i := range pods {
		for _, list := range [][]corev1.ContainerStatus{pods[i].Status.ContainerStatuses, pods[i].Status.InitContainerStatuses} {
			for j := range list {
				out[pods[i].Name+"/"+list[j].Name] = list[j].RestartCount
			}
		}
	}
	return out
}

// describe says in one line why a Pod is not ready.
func describe(pod *corev1.Pod) string {
	parts := []string{"phase " + string(pod.Status.Phase)}
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Status != corev1.ConditionTrue && c.Message != "" {
			parts = append(parts, fmt.Sprintf("%s: %s", c.Type, c.Message))
		}
	}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if w := list[i].State.Waiting; w != nil {
				parts = append(parts, fmt.Sprintf("container %s: %s %s", list[i].Name, w.Reason, w.Message))
			}
		}
	}
	return strings.Join(parts, "; ")
}
