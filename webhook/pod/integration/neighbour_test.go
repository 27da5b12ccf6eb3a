// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	neighbourPath = "/neighbour"
	// neighbourName is the container, volume and annotation that it adds.
	neighbourName  = "neighbour"
	serverPatience = 20 * time.Second
)

// neighbour does what the webhook of a service mesh does: it adds a container in front, and to every container a mount
// and a variable.
func neighbour(_ context.Context, request admission.Request) admission.Response {
	pod := &corev1.Pod{}
	if err := json.Unmarshal(request.Object.Raw, pod); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if pod.Annotations[neighbourName] != "" {
		return admission.Allowed("has been here")
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = append(list[i].VolumeMounts, corev1.VolumeMount{Name: neighbourName, MountPath: "/neighbour"})
			list[i].Env = append(list[i].Env, corev1.EnvVar{Name: "NEIGHBOUR", Value: "1"})
		}
	}
	pod.Spec.Containers = slices.Insert(pod.Spec.Containers, 0, corev1.Container{Name: neighbourName, Image: "neighbour:1"})
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: neighbourName})
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, neighbourName, "was here")
	raw, err := json.Marshal(pod)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.PatchResponseFromRaw(request.Object.Raw, raw)
}
