package sidecar

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// addVolumes takes those volumes of the set that its own sidecars mount.
func (in *Injection) addVolumes(pod *corev1.Pod, set *Set) {
	mounted := map[string]bool{}
	for _, containers := range [][]v1beta1.SidecarContainer{set.Spec.Containers, set.Spec.InitContainers} {
		for i := range containers {
			for _, m := range containers[i].VolumeMounts {
				mounted[m.Name] = true
			}
			for _, d := range containers[i].VolumeDevices {
				mounted[d.Name] = true
			}
		}
	}
	for i := range set.Spec.Volumes {
		volume := &set.Spec.Volumes[i]
		named := func(v corev1.Volume) bool { return v.Name == volume.Name }
		if mounted[volume.Name] && !slices.ContainsFunc(pod.Spec.Volumes, named) && !slices.ContainsFunc(in.Volumes, named) {
			in.Volumes = append(in.Volumes, *volume.DeepCopy())
		}
	}
}

func (in *Injection) addPullSecrets(pod *corev1.Pod, set *Set) {
	for _, secret := range set.Spec.ImagePullSecrets {
		if !slices.Contains(pod.Spec.ImagePullSecrets, secret) && !slices.Contains(in.ImagePullSecrets, secret) {
			in.ImagePullSecrets = append(in.ImagePullSecrets, secret)
		}
	}
}
