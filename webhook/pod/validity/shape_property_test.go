// SPDX-License-Identifier: Apache-2.0

package validity

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func maybe(t *rapid.T, label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }

var (
	drawAmount = rapid.SampledFrom([]string{"100m", "500m", "2"})
	drawVolume = rapid.SampledFrom([]string{"config", "data", "scratch", "kube-api-access-ab2cd", "kube-api-access-xyz12", "missing"})
)

func drawRequests(t *rapid.T) corev1.ResourceRequirements {
	out := corev1.ResourceRequirements{}
	if rapid.Bool().Draw(t, "requests") {
		out.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(drawAmount.Draw(t, "request"))}
	}
	if maybe(t, "limits") {
		out.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(drawAmount.Draw(t, "limit"))}
	}
	if maybe(t, "claims") {
		out.Claims = []corev1.ResourceClaim{{Name: "gpu"}}
	}
	return out
}

// drawContainer draws a container that fits some Pods and not others.
func drawContainer(t *rapid.T, name string) corev1.Container {
	c := corev1.Container{Name: name, Image: "i:1", Command: []string{"run"}, Args: []string{rapid.SampledFrom([]string{"", "a"}).Draw(t, "argument")}, Resources: drawRequests(t)}
	if rapid.Bool().Draw(t, "port") {
		c.Ports = []corev1.ContainerPort{{ContainerPort: rapid.Int32Range(9100, 9101).Draw(t, "container port")}}
	}
	if maybe(t, "user") {
		c.SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](1), AllowPrivilegeEscalation: ptr.To(rapid.Bool().Draw(t, "escalation"))}
	}
	if maybe(t, "sleep") {
		c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 10}}}
	}
	if maybe(t, "probe") {
		c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}, TerminationGracePeriodSeconds: ptr.To[int64](7)}
	}
	for _, volume := range rapid.SliceOfNDistinct(drawVolume, 0, 2, rapid.ID[string]).Draw(t, "mounts") {
		m := corev1.VolumeMount{Name: volume, MountPath: "/" + volume}
		if maybe(t, "expression") {
			m.SubPathExpr = "$(ONE)"
		}
		c.VolumeMounts = append(c.VolumeMounts, m)
	}
	for _, env := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ONE", "TWO", "b=d"}), 0, 2, rapid.ID[string]).Draw(t, "env") {
		v := corev1.EnvVar{Name: env, Value: rapid.SampledFrom([]string{"", "1", "$(TWO)"}).Draw(t, "value")}
		if maybe(t, "value from") {
			v.ValueFrom = &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: rapid.SampledFrom([]string{"metadata.name", "no"}).Draw(t, "field")}}
		}
		c.Env = append(c.Env, v)
	}
	return c
}

func drawSource(t *rapid.T, name string) corev1.VolumeSource {
	switch name {
	case "scratch":
		return corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		}}}}
	case "data":
		return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{
			ClaimName: rapid.SampledFrom([]string{"web-0-scratch", "web-1-scratch", "data-web-0", ""}).Draw(t, "claim")}}
	default:
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}
}

func drawVolumes(t *rapid.T) []corev1.Volume {
	var out []corev1.Volume
	for _, name := range rapid.SliceOfNDistinct(drawVolume, 0, 4, rapid.ID[string]).Draw(t, "volumes") {
		out = append(out, corev1.Volume{Name: name, VolumeSource: drawSource(t, name)})
	}
	return out
}

func drawPod(t *rapid.T) *corev1.Pod {
	pod := build.MakePod(rapid.SampledFrom([]string{"web-0", "web-1", ""}).Draw(t, "name")).New().Obj()
	if pod.Name == "" {
		pod.GenerateName = "web-"
	}
	pod.Labels = map[string]string{"app": rapid.SampledFrom([]string{"web", "-"}).Draw(t, "label")}
	pod.Annotations = map[string]string{}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"free", "not valid", "container.apparmor.security.beta.kubernetes.io/agent",
		"seccomp.security.alpha.kubernetes.io/pod", "kubernetes.io/config.mirror"}), 0, 2, rapid.ID[string]).Draw(t, "annotations") {
		pod.Annotations[key] = rapid.SampledFrom([]string{"", "x", "runtime/default", "localhost/a"}).Draw(t, "annotation")
	}
	spec := &pod.Spec
	spec.Containers = []corev1.Container{drawContainer(t, "app")}
	if maybe(t, "second") {
		spec.InitContainers = []corev1.Container{drawContainer(t, "setup")}
	}
	spec.Volumes = drawVolumes(t)
	spec.HostNetwork = rapid.Bool().Draw(t, "host network")
	spec.Hostname, spec.NodeName = pod.Name, rapid.SampledFrom([]string{"", "node-1"}).Draw(t, "node")
	if maybe(t, "windows") {
		spec.OS = &corev1.PodOS{Name: corev1.Windows}
	}
	if maybe(t, "whole") {
		whole := drawRequests(t)
		whole.Claims, spec.Resources = nil, &whole
	}
	if rapid.Bool().Draw(t, "grace") {
		spec.TerminationGracePeriodSeconds = ptr.To[int64](5)
	}
	if maybe(t, "claims of the Pod") {
		spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimName: ptr.To("gpu")}}
	}
	return pod
}

func drawSet(t *rapid.T) *sidecar.Set {
	b := build.MakeSidecarSet("s")
	b.Obj().Spec.Containers = []v1beta1.SidecarContainer{{Container: drawContainer(t, "agent")}}
	if maybe(t, "native") {
		c := drawContainer(t, "mesh")
		c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		b.Obj().Spec.InitContainers = []v1beta1.SidecarContainer{{Container: c}}
	}
	b.Obj().Spec.Volumes = drawVolumes(t)
	set, err := sidecar.Compile(b.Obj())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// What is left out of a shape changes no answer, and so remembering answers by shapes changes none.
func TestAShapeIsValidatedAsItsPodIs(t *testing.T) {
	outcomes := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		pod := drawPod(t)
		injection, err := sidecar.Inject(pod, []*sidecar.Set{drawSet(t)}, metav1.NewTime(build.Epoch))
		if err != nil {
			t.Fatal(err)
		}
		named := pod.DeepCopy()
		if named.Name == "" {
			named.Name = named.GenerateName + anyValue
		}
		injected := named.DeepCopy()
		injection.Apply(injected)
		want, err := firstAdded(named, injected)
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewValidator().Refusal(pod, injection)
		if err != nil {
			t.Fatal(err)
		}
		if (want == "") != (got == "") {
			t.Fatalf("the Pod: %q, its shape: %q", want, got)
		}
		outcomes[got == ""]++
	})
	if outcomes[true] == 0 || outcomes[false] == 0 {
		t.Errorf("accepted %d, refused %d: one of them was never drawn", outcomes[true], outcomes[false])
	}
}

// A Validator that has seen other Pods answers as one that has seen none.
func TestMemoryChangesNoAnswer(t *testing.T) {
	used := NewValidator()
	rapid.Check(t, func(t *rapid.T) {
		pod := drawPod(t)
		injection, err := sidecar.Inject(pod, []*sidecar.Set{drawSet(t)}, metav1.NewTime(build.Epoch))
		if err != nil {
			t.Fatal(err)
		}
		got, err := used.Refusal(pod, injection)
		if err != nil {
			t.Fatal(err)
		}
		want, err := NewValidator().Refusal(pod, injection)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("remembered %q, fresh %q, annotations %v", got, want, slices.Sorted(maps.Keys(pod.Annotations)))
		}
	})
}
