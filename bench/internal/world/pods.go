// SPDX-License-Identifier: Apache-2.0

package world

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// Images of the application and of the sidecar. Nobody pulls them.
const (
	AppImage       = framework.AppImage
	AppImageV2     = framework.AppImageV2
	SidecarImage   = framework.SidecarImage
	SidecarImageV2 = framework.SidecarImageV2
)

// AppContainer is the name of the application's container, SidecarContainer that of its sidecar.
const (
	AppContainer     = framework.AppContainer
	SidecarContainer = framework.SidecarContainer
)

// All Pods here carry PartOfLabel with the value PartOf.
const (
	PartOfLabel = "app.kubernetes.io/part-of"
	PartOf      = "bench"
)

// delays make a simulated container start and stop at once, for us and the references alike: what is measured is
// who tells it to, not how long it takes.
var delays = map[string]string{
	"kwok.windlass.dev/start-delay": "1ms",
	"kwok.windlass.dev/stop-delay":  "1ms",
}

// Template is the Pod that every benchmark runs, as large as an ordinary one, on the benchmark's own nodes.
func Template(app string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{framework.AppLabel: app, PartOfLabel: PartOf}, Annotations: maps.Clone(delays),
		},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To[int64](0),
			AutomountServiceAccountToken:  ptr.To(false),
			NodeSelector:                  map[string]string{nodeLabel: "true"},
			Tolerations:                   []corev1.Toleration{{Key: simulated, Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{
				Name:           AppContainer,
				Image:          AppImage,
				Env:            []corev1.EnvVar{{Name: "LOG_LEVEL", Value: "info"}, {Name: "REGION", Value: "eu-central-1"}},
				Ports:          []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
				ReadinessProbe: framework.HTTPProbe(8080),
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
				},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
			}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		},
	}
}

// Pod is a Pod of its own made from the template.
func Pod(namespace, name, app string) *corev1.Pod {
	template := Template(app)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: template.Labels, Annotations: template.Annotations},
		Spec:       template.Spec,
	}
}

// Ready is reached by a Pod that serves.
func Ready(pod *corev1.Pod) bool { return framework.IsReady(pod) }

// RunsWith is reached by a Pod one of whose containers runs an image, whether or not it serves.
func RunsWith(container, image string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		spec, status := framework.Container(pod, container), framework.ContainerStatus(pod, container)
		return spec != nil && spec.Image == image && status.Image == image && status.State.Running != nil
	}
}

// ReadyWith is reached by a Pod that serves with an image in one of its containers.
func ReadyWith(container, image string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		spec := framework.Container(pod, container)
		return spec != nil && spec.Image == image && framework.ContainerStatus(pod, container).Image == image && framework.IsReady(pod)
	}
}
