// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// shareMounts adds to a sidecar what the Pod's own containers mount, and then what its own init containers mount. What
// the sidecar has at a path stays, be it a mount or a device; of several containers the first one's mount counts.
// Variables that a mount's subPathExpr needs come along.
func (d *donor) shareMounts(c *corev1.Container) {
	space := spaceOf(c)
	for _, owner := range slices.Concat(d.containers, d.initContainers) {
		for i := range owner.VolumeMounts {
			mount := owner.VolumeMounts[i].DeepCopy()
			if space.has(mount.MountPath) || space.devices[mount.Name] {
				continue
			}
			limitPropagation(c, mount)
			c.VolumeMounts = append(c.VolumeMounts, *mount)
			space.mount(mount)
			addEnv(c, neededEnv(mount.SubPathExpr, owner.Env)...)
		}
	}
}

// shareDevices adds the block devices of the Pod's own containers in the same way. A volume is at most once a device of
// a container.
func (d *donor) shareDevices(c *corev1.Container) {
	space := spaceOf(c)
	for _, owner := range slices.Concat(d.containers, d.initContainers) {
		for _, device := range owner.VolumeDevices {
			if space.has(device.DevicePath) || space.devices[device.Name] || space.mounts[device.Name] {
				continue
			}
			c.VolumeDevices = append(c.VolumeDevices, device)
			space.device(&device)
		}
	}
}

// space is what a container has where in its file system, and as what it uses volumes: the API server allows each
// volume as mounts or as one device.
type space struct{ paths, mounts, devices map[string]bool }

func spaceOf(c *corev1.Container) space {
	out := space{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for i := range c.VolumeMounts {
		out.mount(&c.VolumeMounts[i])
	}
	for i := range c.VolumeDevices {
		out.device(&c.VolumeDevices[i])
	}
	return out
}

func (s space) has(at string) bool { return s.paths[path.Clean(at)] }

func (s space) mount(m *corev1.VolumeMount) {
	s.paths[path.Clean(m.MountPath)], s.mounts[m.Name] = true, true
}

func (s space) device(d *corev1.VolumeDevice) {
	s.paths[path.Clean(d.DevicePath)], s.devices[d.Name] = true, true
}

// limitPropagation: only a privileged container may mount for the host. Another one sees what the host mounts, which is
// the next best.
func limitPropagation(c *corev1.Container, mount *corev1.VolumeMount) {
	if mount.MountPropagation == nil || *mount.MountPropagation != corev1.MountPropagationBidirectional {
		return
	}
	if c.SecurityContext == nil || c.SecurityContext.Privileged == nil || !*c.SecurityContext.Privileged {
		limited := corev1.MountPropagationHostToContainer
		mount.MountPropagation = &limited
	}
}
