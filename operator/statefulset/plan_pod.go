// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// newPod makes the Pod of an ordinal from a template, as apps/v1 does, with the lifecycle state that it starts in and
// the readiness gates that changes in place and hooks need.
func newPod(set *v1beta1.StatefulSet, template *corev1.PodTemplateSpec, ordinal int, revision string, now metaTime) *corev1.Pod {
	name := podName(set, ordinal)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: set.Namespace, Name: name,
			Labels: maps.Clone(template.Labels), Annotations: maps.Clone(template.Annotations),
			Finalizers:      slices.Clone(template.Finalizers),
			OwnerReferences: []metav1.OwnerReference{*controllerRef(set)},
		},
		Spec: *template.Spec.DeepCopy(),
	}
	for _, l := range identityLabels(name) {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, l.key, l.value)
	}
	metav1.SetMetaDataLabel(&pod.ObjectMeta, appsv1.ControllerRevisionHashLabelKey, revision)
	metav1.SetMetaDataLabel(&pod.ObjectMeta, v1beta1.LifecycleStateLabel, string(firstState(set, pod)))
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, v1beta1.LifecycleTimestampAnnotation, timestamp(now))
	pod.Spec.Hostname, pod.Spec.Subdomain = name, set.Spec.ServiceName
	pod.Spec.Volumes = withClaims(pod.Spec.Volumes, set, ordinal)
	addGates(set, pod)
	return pod
}

type label struct{ key, value string }

// identityLabels say which Pod of its set a Pod is, by its name, which ends in its ordinal.
func identityLabels(name string) [2]label {
	return [...]label{{appsv1.StatefulSetPodNameLabel, name}, {appsv1.PodIndexLabel, name[strings.LastIndexByte(name, '-')+1:]}}
}

// named reports whether the labels of a Pod say which Pod of its set it is.
func named(pod *corev1.Pod) bool {
	for _, l := range identityLabels(pod.Name) {
		if pod.Labels[l.key] != l.value {
			return false
		}
	}
	return true
}

func timestamp(now metaTime) string {
	return now.UTC().Format("2006-01-02T15:04:05Z07:00")
}

// withClaims gives a Pod the volumes of its claims. They replace volumes of the template that have the same name.
func withClaims(volumes []corev1.Volume, set *v1beta1.StatefulSet, ordinal int) []corev1.Volume {
	var out []corev1.Volume
	claimed := map[string]bool{}
	for i := range set.Spec.VolumeClaimTemplates {
		name := set.Spec.VolumeClaimTemplates[i].Name
		claimed[name] = true
		out = append(out, claimVolume(name, set, ordinal))
	}
	for i := range volumes {
		if !claimed[volumes[i].Name] {
			out = append(out, volumes[i])
		}
	}
	return out
}

// claimVolume is the volume of a claim.
func claimVolume(name string, set *v1beta1.StatefulSet, ordinal int) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claimName(name, set, ordinal)},
	}}
}

// addGates adds the readiness gate by which a Pod leaves service while it is changed in place, and the one by which a
// hook may take it out of service.
func addGates(set *v1beta1.StatefulSet, pod *corev1.Pod) {
	if rolling := set.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.PodUpdatePolicy != "" &&
		rolling.PodUpdatePolicy != v1beta1.ReCreatePodUpdatePolicy {
		addGate(pod, v1beta1.InPlaceUpdateReadyCondition)
	}
	for _, hook := range hooks(set) {
		if hook.MarkPodNotReady {
			addGate(pod, v1beta1.KruisePodReadyCondition)
		}
	}
}

func addGate(pod *corev1.Pod, kind corev1.PodConditionType) {
	if !pods.HasGate(pod, kind) {
		pod.Spec.ReadinessGates = append(pod.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: kind})
	}
}
