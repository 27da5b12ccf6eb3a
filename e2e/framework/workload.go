// SPDX-License-Identifier: Apache-2.0

package framework

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// Images of the programs that the cluster's own registry holds. Each tag has a content of its own.
const (
	AppImage       = "ghcr.io/windlass-operator/testapp:v1"
	SidecarImage   = "ghcr.io/windlass-operator/testsidecar:v1"
	SidecarImageV2 = "ghcr.io/windlass-operator/testsidecar:v2"
	SidecarImageV3 = "ghcr.io/windlass-operator/testsidecar:v3"
)

// AppContainer is the name of the application's container in every workload here.
const AppContainer = "app"

// AppLabel marks the Pods of a workload, with its name.
const AppLabel = "app"

// Deployment makes a Deployment of the test application, spread evenly over the nodes that take Pods. It is not created
// yet.
func Deployment(namespace, name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{AppLabel: name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       spread(appSpec(), labels),
			},
		},
	}
}

// UnscheduledPod makes a Pod that no scheduler takes up: admission sees it like any other, and it costs no node
// anything. It is not created yet.
func UnscheduledPod(namespace, name, app string) *corev1.Pod {
	spec := appSpec()
	spec.SchedulerName = "none"
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{AppLabel: app}},
		Spec:       spec,
	}
}

func appSpec() corev1.PodSpec {
	return corev1.PodSpec{
		TerminationGracePeriodSeconds: ptr.To[int64](1),
		Containers: []corev1.Container{{
			Name:           AppContainer,
			Image:          AppImage,
			ReadinessProbe: HTTPProbe(8080),
		}},
	}
}

// spread puts the Pods with the labels on as many nodes as there are, and on none that repels them.
func spread(spec corev1.PodSpec, labels map[string]string) corev1.PodSpec {
	spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		TopologyKey:       corev1.LabelHostname,
		MaxSkew:           1,
		WhenUnsatisfiable: corev1.DoNotSchedule,
		NodeTaintsPolicy:  ptr.To(corev1.NodeInclusionPolicyHonor),
		LabelSelector:     &metav1.LabelSelector{MatchLabels: labels},
	}}
	return spec
}

// HTTPProbe asks the test application on a port every second whether it is ready.
func HTTPProbe(port int) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromInt(port)}},
		PeriodSeconds: 1,
	}
}
