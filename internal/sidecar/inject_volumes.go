// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// addVolumes takes those volumes of the set that its own sidecars mount. A volume of the same name that is there
// already wins. Where that one has another source, it is said; it returns what is said of the volumes that configure a
// sidecar.
func (in *Injection) addVolumes(pod *corev1.Pod, set *Set) (reconfigured []string) {
	mounts := mountsOf(set)
	for i := range set.Spec.Volumes {
		volume := &set.Spec.Volumes[i]
		mount, ok := mounts[volume.Name]
		if !ok {
			continue
		}
		there, owner := findVolume(volume.Name, pod.Spec.Volumes), "the Pod"
		if there == nil {
			there, owner = findVolume(volume.Name, in.Volumes), "another SidecarSet"
		}
		switch {
		case there == nil:
			in.Volumes = append(in.Volumes, *volume.DeepCopy())
		case !sameVolume(there, volume):
			message := fmt.Sprintf("its container %q gets %s at %s in place of %s: %s has a volume %q too; rename one of the two",
				mount.container, describeVolume(there), mount.path, describeVolume(volume), owner, volume.Name)
			in.Warnings = append(in.Warnings, "SidecarSet "+set.Name()+": "+message)
			if configures(volume) {
				reconfigured = append(reconfigured, message)
			}
		}
	}
	return reconfigured
}

// mounted is where a sidecar has a volume.
type mounted struct{ container, path string }

// mountsOf finds for each volume the first of the set's containers that uses it.
func mountsOf(set *Set) map[string]mounted {
	out := map[string]mounted{}
	use := func(volume, container, path string) {
		if _, ok := out[volume]; !ok {
			out[volume] = mounted{container, path}
		}
	}
	for _, containers := range [][]v1beta1.SidecarContainer{set.Spec.Containers, set.Spec.InitContainers} {
		for i := range containers {
			for _, m := range containers[i].VolumeMounts {
				use(m.Name, containers[i].Name, m.MountPath)
			}
			for _, d := range containers[i].VolumeDevices {
				use(d.Name, containers[i].Name, d.DevicePath)
			}
		}
	}
	return out
}

func findVolume(name string, list []corev1.Volume) *corev1.Volume {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// sameVolume compares a volume of the Pod with a set's as the API server would store them. Its admission may have the
// image of a volume always pulled; that makes it no other volume.
func sameVolume(a, b *corev1.Volume) bool {
	if a.Image != nil && b.Image != nil && a.Image.PullPolicy == corev1.PullAlways {
		b = b.DeepCopy()
		b.Image.PullPolicy = corev1.PullAlways
	}
	stored := func(v *corev1.Volume) []corev1.Volume {
		alone := &corev1.Pod{Spec: corev1.PodSpec{Volumes: []corev1.Volume{*v.DeepCopy()}}}
		coredefaults.SetObjectDefaults_Pod(alone)
		return alone.Spec.Volumes
	}
	return equality.Semantic.DeepEqual(stored(a), stored(b))
}

// configures reports whether what is in a volume is decided by its source alone, so that another source changes what a
// sidecar does.
func configures(v *corev1.Volume) bool {
	return v.ConfigMap != nil || v.Secret != nil || v.Projected != nil || v.DownwardAPI != nil || v.CSI != nil || v.Image != nil
}

// describeVolume is the kind of a volume's source, and the name of the object that it is from.
func describeVolume(v *corev1.Volume) string {
	switch {
	case v.ConfigMap != nil:
		return "ConfigMap " + v.ConfigMap.Name
	case v.Secret != nil:
		return "Secret " + v.Secret.SecretName
	case v.PersistentVolumeClaim != nil:
		return "PersistentVolumeClaim " + v.PersistentVolumeClaim.ClaimName
	case v.HostPath != nil:
		return "hostPath " + v.HostPath.Path
	case v.CSI != nil:
		return "a volume of CSI driver " + v.CSI.Driver
	case v.EmptyDir != nil:
		return "an emptyDir"
	}
	// Of all other sources the kind says enough.
	source := reflect.ValueOf(v.VolumeSource)
	for i := range source.NumField() {
		if !source.Field(i).IsNil() {
			return "a " + source.Type().Field(i).Name + " volume"
		}
	}
	return "an emptyDir"
}

func (in *Injection) addPullSecrets(pod *corev1.Pod, set *Set) {
	for _, secret := range set.Spec.ImagePullSecrets {
		if !slices.Contains(pod.Spec.ImagePullSecrets, secret) && !slices.Contains(in.ImagePullSecrets, secret) {
			in.ImagePullSecrets = append(in.ImagePullSecrets, secret)
		}
	}
}
