// SPDX-License-Identifier: Apache-2.0

// Package testing builds objects for tests, one call for each thing that a test is about. Everything else has a value
// that works.
package testing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// Epoch is when everything in a test was created, unless it says otherwise.
var Epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// PodBuilder builds a Pod.
type PodBuilder struct{ pod *corev1.Pod }

// MakePod starts a Pod of namespace default with one container, app, that runs and is ready.
func MakePod(name string) *PodBuilder {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID(name + "-uid"), Generation: 1,
			CreationTimestamp: metav1.NewTime(Epoch),
		},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
	return (&PodBuilder{pod}).Running()
}

// Obj returns the Pod.
func (b *PodBuilder) Obj() *corev1.Pod { return b.pod }

// Namespace sets the namespace.
func (b *PodBuilder) Namespace(namespace string) *PodBuilder {
	b.pod.Namespace = namespace
	return b
}

// Label sets a label.
func (b *PodBuilder) Label(key, value string) *PodBuilder {
	metav1.SetMetaDataLabel(&b.pod.ObjectMeta, key, value)
	return b
}

// Annotation sets an annotation.
func (b *PodBuilder) Annotation(key, value string) *PodBuilder {
	metav1.SetMetaDataAnnotation(&b.pod.ObjectMeta, key, value)
	return b
}

// Created sets the creation time, as an offset from Epoch.
func (b *PodBuilder) Created(after time.Duration) *PodBuilder {
	b.pod.CreationTimestamp = metav1.NewTime(Epoch.Add(after))
	return b
}

// Terminating marks the Pod as being deleted.
func (b *PodBuilder) Terminating() *PodBuilder {
	now := metav1.NewTime(Epoch)
	b.pod.DeletionTimestamp = &now
	return b
}

// New makes it a Pod that is being created: no node, no status.
func (b *PodBuilder) New() *PodBuilder {
	b.pod.Spec.NodeName, b.pod.Status = "", corev1.PodStatus{}
	return b
}

// InitContainer adds an init container.
func (b *PodBuilder) InitContainer(name, image string) *PodBuilder {
	b.pod.Spec.InitContainers = append(b.pod.Spec.InitContainers, corev1.Container{Name: name, Image: image})
	return b
}

// Container adds a container after those that the Pod has.
func (b *PodBuilder) Container(name, image string) *PodBuilder {
	b.pod.Spec.Containers = append(b.pod.Spec.Containers, corev1.Container{Name: name, Image: image})
	return b
}

// Running lets the kubelet have started everything that the spec says.
func (b *PodBuilder) Running() *PodBuilder {
	RunContainers(b.pod)
	SetReady(b.pod, true, Epoch)
	return b
}

// NotReady sets the Ready condition to False.
func (b *PodBuilder) NotReady() *PodBuilder {
	SetReady(b.pod, false, Epoch)
	return b
}

// ReadySince sets when the Pod became ready, as an offset from Epoch.
func (b *PodBuilder) ReadySince(after time.Duration) *PodBuilder {
	SetReady(b.pod, true, Epoch.Add(after))
	return b
}

// RunContainers does what a kubelet does: a container whose image is not the one that runs is started anew; its restart
// count goes up.
func RunContainers(pod *corev1.Pod) {
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ObservedGeneration = pod.Generation
	pod.Status.ContainerStatuses = run(pod.Spec.Containers, pod.Status.ContainerStatuses)
	pod.Status.InitContainerStatuses = run(pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
}

func run(containers []corev1.Container, before []corev1.ContainerStatus) []corev1.ContainerStatus {
	out := make([]corev1.ContainerStatus, 0, len(containers))
	for i := range containers {
		status := corev1.ContainerStatus{Name: containers[i].Name}
		for j := range before {
			if before[j].Name == status.Name {
				status = before[j]
			}
		}
		if status.Image != containers[i].Image {
			if status.Image != "" {
				status.RestartCount++
			}
			status.Image, status.ImageID = containers[i].Image, ImageID(containers[i].Image)
			status.ContainerID = fmt.Sprintf("containerd://%s-%d", status.Name, status.RestartCount)
		}
		status.Ready, status.State = true, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
		out = append(out, status)
	}
	return out
}

// ImageID is what the kubelet of these tests reports for an image.
func ImageID(image string) string { return "registry.example/by-id@sha256:" + image }

// SetReady sets the Ready condition as of a time.
func SetReady(pod *corev1.Pod, ready bool, since time.Time) {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	condition := corev1.PodCondition{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(since)}
	if before := pods.Condition(pod, corev1.PodReady); before != nil {
		*before = condition
		return
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}

// SidecarSetBuilder builds a SidecarSet.
type SidecarSetBuilder struct{ set *v1beta1.SidecarSet }

// MakeSidecarSet starts a SidecarSet for Pods labelled app=web, without containers.
func MakeSidecarSet(name string) *SidecarSetBuilder {
	return &SidecarSetBuilder{&v1beta1.SidecarSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name + "-uid"), Generation: 1, CreationTimestamp: metav1.NewTime(Epoch)},
		Spec:       v1beta1.SidecarSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}}
}

// Obj returns the SidecarSet.
func (b *SidecarSetBuilder) Obj() *v1beta1.SidecarSet { return b.set }

// Spec hands the spec out for whatever has no method of its own.
func (b *SidecarSetBuilder) Spec(change func(spec *v1beta1.SidecarSetSpec)) *SidecarSetBuilder {
	change(&b.set.Spec)
	return b
}

// Selector replaces the selector.
func (b *SidecarSetBuilder) Selector(selector *metav1.LabelSelector) *SidecarSetBuilder {
	b.set.Spec.Selector = selector
	return b
}

// Container adds a sidecar.
func (b *SidecarSetBuilder) Container(name, image string) *SidecarSetBuilder {
	b.set.Spec.Containers = append(b.set.Spec.Containers, sidecar(name, image))
	return b
}

// InitContainer adds an init container.
func (b *SidecarSetBuilder) InitContainer(name, image string) *SidecarSetBuilder {
	b.set.Spec.InitContainers = append(b.set.Spec.InitContainers, sidecar(name, image))
	return b
}

// NativeSidecar adds an init container that keeps running.
func (b *SidecarSetBuilder) NativeSidecar(name, image string) *SidecarSetBuilder {
	c := sidecar(name, image)
	always := corev1.ContainerRestartPolicyAlways
	c.RestartPolicy = &always
	b.set.Spec.InitContainers = append(b.set.Spec.InitContainers, c)
	return b
}

// MaxUnavailable sets updateStrategy.maxUnavailable, "2" or "10%".
func (b *SidecarSetBuilder) MaxUnavailable(value string) *SidecarSetBuilder {
	v := intstr.Parse(value)
	b.set.Spec.UpdateStrategy.MaxUnavailable = &v
	return b
}

// Partition sets updateStrategy.partition, "2" or "10%".
func (b *SidecarSetBuilder) Partition(value string) *SidecarSetBuilder {
	v := intstr.Parse(value)
	b.set.Spec.UpdateStrategy.Partition = &v
	return b
}

// Paused pauses the update.
func (b *SidecarSetBuilder) Paused() *SidecarSetBuilder {
	b.set.Spec.UpdateStrategy.Paused = true
	return b
}

func sidecar(name, image string) v1beta1.SidecarContainer {
	return v1beta1.SidecarContainer{Container: corev1.Container{Name: name, Image: image}}
}

// Grace drains Pods before their containers restart.
func (b *SidecarSetBuilder) Grace(seconds int32) *SidecarSetBuilder {
	return b.Spec(func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.GracePeriodSeconds = seconds })
}

// Hook puts a hook around updates.
func (b *SidecarSetBuilder) Hook(hook v1beta1.LifecycleHook) *SidecarSetBuilder {
	return b.Spec(func(s *v1beta1.SidecarSetSpec) { s.Lifecycle = &v1beta1.SidecarSetLifecycle{InPlaceUpdate: &hook} })
}

// HeldBy makes SidecarSets hold the Pod NotReady since a time.
func HeldBy(pod *corev1.Pod, since time.Time, sets ...string) {
	c := corev1.PodCondition{Type: v1beta1.KruisePodReadyCondition, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(since)}
	var holds []string
	for _, name := range sets {
		holds = append(holds, `{"userAgent":"SidecarSet","key":"`+name+`"}`)
	}
	if len(holds) > 0 {
		c.Status, c.Message = corev1.ConditionFalse, "["+strings.Join(holds, ",")+"]"
		SetReady(pod, false, since)
	}
	pod.Status.Conditions = slices.DeleteFunc(pod.Status.Conditions, func(has corev1.PodCondition) bool { return has.Type == c.Type })
	pod.Status.Conditions = append(pod.Status.Conditions, c)
}
