// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var (
	sharing     = v1beta1.ShareVolumePolicy{Type: v1beta1.ShareVolumePolicyEnabled}
	injectedEnv = corev1.EnvVar{Name: "IS_INJECTED", Value: "true"}
)

func mountAt(name, path string) corev1.VolumeMount {
	return corev1.VolumeMount{Name: name, MountPath: path}
}

func deviceAt(name, path string) corev1.VolumeDevice {
	return corev1.VolumeDevice{Name: name, DevicePath: path}
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
}

// sidecarOf injects a set with one sidecar, agent, and returns what becomes of it in the Pod.
func sidecarOf(t *testing.T, pod *corev1.Pod, change func(*v1beta1.SidecarContainer)) corev1.Container {
	t.Helper()
	inject(t, pod, compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) { change(&s.Containers[0]) }).Obj()))
	for _, c := range pod.Spec.Containers {
		if c.Name == "agent" {
			return c
		}
	}
	t.Fatal("the Pod has no agent")
	return corev1.Container{}
}

func TestSharedVolumesAndDevices(t *testing.T) {
	type has struct {
		Mounts  []corev1.VolumeMount
		Devices []corev1.VolumeDevice
		Env     []corev1.EnvVar
	}
	both := func(c *v1beta1.SidecarContainer) { c.ShareVolumePolicy, c.ShareVolumeDevicePolicy = sharing, &sharing }
	mounts := func(c *v1beta1.SidecarContainer) { c.ShareVolumePolicy = sharing }
	marked := []corev1.EnvVar{injectedEnv}
	bidirectional := mountAt("csi", "/csi")
	bidirectional.MountPropagation = ptr.To(corev1.MountPropagationBidirectional)
	fromHost := mountAt("csi", "/csi")
	fromHost.MountPropagation = ptr.To(corev1.MountPropagationHostToContainer)
	expression := corev1.VolumeMount{Name: "logs", MountPath: "/logs", SubPathExpr: "$(DIR)/$(ABSENT)/$$(ESCAPED)"}

	for name, test := range map[string]struct {
		pod     func(*corev1.PodSpec)
		sidecar func(*v1beta1.SidecarContainer)
		want    has
	}{
		"nothing unless it is enabled": {
			func(p *corev1.PodSpec) { p.Containers[0].VolumeMounts = []corev1.VolumeMount{mountAt("data", "/data")} },
			func(*v1beta1.SidecarContainer) {}, has{Env: marked},
		},
		"mounts alone when devices are not enabled": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{mountAt("data", "/data")}
				p.Containers[0].VolumeDevices = []corev1.VolumeDevice{deviceAt("disk", "/dev/disk")}
			},
			mounts, has{Mounts: []corev1.VolumeMount{mountAt("data", "/data")}, Env: marked},
		},
		"devices alone when mounts are not enabled": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{mountAt("data", "/data")}
				p.Containers[0].VolumeDevices = []corev1.VolumeDevice{deviceAt("disk", "/dev/disk")}
			},
			func(c *v1beta1.SidecarContainer) { c.ShareVolumeDevicePolicy = &sharing },
			has{Devices: []corev1.VolumeDevice{deviceAt("disk", "/dev/disk")}, Env: marked},
		},
		"all of a mount's fields": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data", ReadOnly: true, SubPath: "sub"}}
			},
			mounts, has{Mounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data", ReadOnly: true, SubPath: "sub"}}, Env: marked},
		},
		"those of the containers first, then those of the init containers": {
			func(p *corev1.PodSpec) {
				p.InitContainers = []corev1.Container{{Name: "setup", VolumeMounts: []corev1.VolumeMount{mountAt("init", "/shared"), mountAt("init", "/only")}}}
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{mountAt("data", "/shared")}
			},
			mounts, has{Mounts: []corev1.VolumeMount{mountAt("data", "/shared"), mountAt("init", "/only")}, Env: marked},
		},
		"the sidecar's own mount wins, however its path is written": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{mountAt("data", "/data/"), mountAt("more", "/more")}
			},
			func(c *v1beta1.SidecarContainer) {
				c.ShareVolumePolicy, c.VolumeMounts = sharing, []corev1.VolumeMount{mountAt("own", "/data")}
			},
			has{Mounts: []corev1.VolumeMount{mountAt("own", "/data"), mountAt("more", "/more")}, Env: marked},
		},
		"not from containers that are injected": {
			func(p *corev1.PodSpec) {
				p.Containers = append(p.Containers, corev1.Container{Name: "foreign", Env: marked, VolumeMounts: []corev1.VolumeMount{mountAt("x", "/x")}})
			},
			mounts, has{Env: marked},
		},
		"not from the container that the sidecar replaces": {
			func(p *corev1.PodSpec) {
				p.Containers = append(p.Containers, corev1.Container{Name: "agent", VolumeMounts: []corev1.VolumeMount{mountAt("x", "/x")}})
			},
			mounts, has{Env: marked},
		},
		"no mount where the sidecar has a device": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{mountAt("data", "/dev/disk")}
			},
			func(c *v1beta1.SidecarContainer) {
				c.ShareVolumePolicy, c.VolumeDevices = sharing, []corev1.VolumeDevice{deviceAt("own", "/dev/disk")}
			},
			has{Devices: []corev1.VolumeDevice{deviceAt("own", "/dev/disk")}, Env: marked},
		},
		"no device where the sidecar has a mount": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeDevices = []corev1.VolumeDevice{deviceAt("disk", "/data")}
			},
			func(c *v1beta1.SidecarContainer) {
				both(c)
				c.VolumeMounts = []corev1.VolumeMount{mountAt("own", "/data")}
			},
			has{Mounts: []corev1.VolumeMount{mountAt("own", "/data")}, Env: marked},
		},
		"a mount of one container before the device of another at the same path": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeDevices = []corev1.VolumeDevice{deviceAt("disk", "/x")}
				p.Containers = append(p.Containers, corev1.Container{Name: "two", VolumeMounts: []corev1.VolumeMount{mountAt("data", "/x")}})
			},
			both, has{Mounts: []corev1.VolumeMount{mountAt("data", "/x")}, Env: marked},
		},
		"a volume is a device only once": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeDevices = []corev1.VolumeDevice{deviceAt("disk", "/dev/a")}
				p.Containers = append(p.Containers, corev1.Container{Name: "two", VolumeDevices: []corev1.VolumeDevice{deviceAt("disk", "/dev/b")}})
			},
			both, has{Devices: []corev1.VolumeDevice{deviceAt("disk", "/dev/a")}, Env: marked},
		},
		"a volume is not both mounted and a device": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeDevices = []corev1.VolumeDevice{deviceAt("one", "/dev/one")}
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{mountAt("two", "/two")}
			},
			func(c *v1beta1.SidecarContainer) {
				both(c)
				c.VolumeMounts, c.VolumeDevices = []corev1.VolumeMount{mountAt("one", "/one")}, []corev1.VolumeDevice{deviceAt("two", "/dev/two")}
			},
			has{Mounts: []corev1.VolumeMount{mountAt("one", "/one")}, Devices: []corev1.VolumeDevice{deviceAt("two", "/dev/two")}, Env: marked},
		},
		"an unprivileged sidecar does not mount for the host": {
			func(p *corev1.PodSpec) { p.Containers[0].VolumeMounts = []corev1.VolumeMount{bidirectional} },
			mounts, has{Mounts: []corev1.VolumeMount{fromHost}, Env: marked},
		},
		"a privileged one does": {
			func(p *corev1.PodSpec) { p.Containers[0].VolumeMounts = []corev1.VolumeMount{bidirectional} },
			func(c *v1beta1.SidecarContainer) {
				c.ShareVolumePolicy, c.SecurityContext = sharing, &corev1.SecurityContext{Privileged: ptr.To(true)}
			},
			has{Mounts: []corev1.VolumeMount{bidirectional}, Env: marked},
		},
		"variables of a subPathExpr come along, with those that they need, and no others": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{expression}
				p.Containers[0].Env = []corev1.EnvVar{
					fieldEnv("NAME", "metadata.name"), {Name: "DIR", Value: "of/$(NAME)"}, {Name: "ESCAPED", Value: "x"}, {Name: "OTHER", Value: "x"}}
			},
			mounts, has{Mounts: []corev1.VolumeMount{expression},
				Env: []corev1.EnvVar{injectedEnv, fieldEnv("NAME", "metadata.name"), {Name: "DIR", Value: "of/$(NAME)"}}},
		},
		"variables that need each other are copied once": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{expression}
				p.Containers[0].Env = []corev1.EnvVar{{Name: "DIR", Value: "$(LOOP)"}, {Name: "LOOP", Value: "$(DIR)"}}
			},
			mounts, has{Mounts: []corev1.VolumeMount{expression},
				Env: []corev1.EnvVar{injectedEnv, {Name: "LOOP", Value: "$(DIR)"}, {Name: "DIR", Value: "$(LOOP)"}}},
		},
		"the sidecar's own variable wins": {
			func(p *corev1.PodSpec) {
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{expression}
				p.Containers[0].Env = []corev1.EnvVar{{Name: "DIR", Value: "theirs"}}
			},
			func(c *v1beta1.SidecarContainer) {
				c.ShareVolumePolicy, c.Env = sharing, []corev1.EnvVar{{Name: "DIR", Value: "own"}}
			},
			has{Mounts: []corev1.VolumeMount{expression}, Env: []corev1.EnvVar{{Name: "DIR", Value: "own"}, injectedEnv}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("p").New().Annotation(v1beta1.ReplacedBySidecarAnnotation, "agent").Obj()
			test.pod(&pod.Spec)
			c := sidecarOf(t, pod, test.sidecar)
			if diff := cmp.Diff(test.want, has{c.VolumeMounts, c.VolumeDevices, c.Env}); diff != "" {
				t.Errorf("the sidecar has (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInitContainersShareToo(t *testing.T) {
	pod := build.MakePod("p").New().Obj()
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{mountAt("data", "/data")}
	inject(t, pod, compile(t, build.MakeSidecarSet("s").InitContainer("setup", "setup:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.InitContainers[0].ShareVolumePolicy = sharing
	}).Obj()))
	if diff := cmp.Diff([]corev1.VolumeMount{mountAt("data", "/data")}, pod.Spec.InitContainers[0].VolumeMounts); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
}
