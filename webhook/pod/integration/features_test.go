// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// feature is something that SidecarSets can ask for, and what it makes of a Pod.
type feature struct {
	sets []*build.SidecarSetBuilder
	pod  func(*corev1.Pod)
	// init and containers are the names that the Pod must end up with; the neighbour's container is always the first.
	init, containers []string
	warnings         []string
	check            func(*corev1.Pod)
}

var _ = DescribeTable("An injected Pod is accepted, and the second call adds nothing,",
	func(ctx SpecContext, f feature) {
		var sets []*sidecar.Set
		for _, b := range f.sets {
			set, err := sidecar.Compile(b.Obj())
			Expect(err).NotTo(HaveOccurred())
			sets = append(sets, set)
		}
		injector.knowing(sets)
		warned()
		pod := build.MakePod("p").New().Label("app", "web").Obj()
		pod.Spec.Containers[0].Image = "app:1"
		if f.pod != nil {
			f.pod(pod)
		}
		created := dryRun(ctx, pod)

		Expect(injector.count()).To(Equal(2), "the webhook is called again because the neighbour has changed the Pod")
		Expect(namesOf(created.Spec.InitContainers)).To(Equal(f.init))
		Expect(namesOf(created.Spec.Containers)).To(Equal(append([]string{neighbourName}, f.containers...)))
		Expect(warned()).To(Equal(f.warnings))
		for _, c := range pod.Spec.Containers {
			Expect(neighbourless(container(created, c.Name))).To(BeComparableTo(defaulted(c)), "the Pod's own container is as it was")
		}
		if f.check != nil {
			f.check(created)
		}
		again, err := sidecar.Inject(created, sets, metav1.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Empty()).To(BeTrue(), "a third call would add nothing either")
	},
	Entry("with sidecars of every kind", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("front", "i:1").Container("back", "i:1").
			InitContainer("setup", "i:1").NativeSidecar("native", "i:1").Spec(func(s *v1beta1.SidecarSetSpec) {
			s.Containers[1].PodInjectPolicy = v1beta1.AfterAppContainerType
		})},
		init: []string{"native", "setup"}, containers: []string{"front", "app", "back"},
	}),
	Entry("with sidecars of several sets", feature{
		sets:       []*build.SidecarSetBuilder{build.MakeSidecarSet("b").Container("b", "i:1"), build.MakeSidecarSet("a").Container("a", "i:1")},
		containers: []string{"a", "b", "app"},
	}),
	Entry("with volumes and pull secrets", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("agent", "i:1").Spec(func(s *v1beta1.SidecarSetSpec) {
			s.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/data"}}}, {Name: "spare"}}
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
			s.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
		})},
		containers: []string{"agent", "app"},
		check: func(p *corev1.Pod) {
			Expect(volumeNames(p)).To(Equal([]string{"data", neighbourName}))
			Expect(p.Spec.ImagePullSecrets).To(Equal([]corev1.LocalObjectReference{{Name: "pull"}}))
		},
	}),
	Entry("with shared volumes and devices that get into each other's way", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("agent", "i:1").Spec(func(s *v1beta1.SidecarSetSpec) {
			enabled := v1beta1.ShareVolumePolicy{Type: v1beta1.ShareVolumePolicyEnabled}
			s.Containers[0].ShareVolumePolicy, s.Containers[0].ShareVolumeDevicePolicy = enabled, &enabled
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "own", MountPath: "/dev/two"}}
			s.Volumes = []corev1.Volume{{Name: "own", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		})},
		pod: func(p *corev1.Pod) {
			for _, name := range []string{"one", "two"} {
				claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}
				p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}})
			}
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "logs", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
			app := &p.Spec.Containers[0]
			app.Env = []corev1.EnvVar{{Name: "NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}
			app.VolumeDevices = []corev1.VolumeDevice{{Name: "one", DevicePath: "/dev/one"}, {Name: "two", DevicePath: "/dev/two"}}
			app.VolumeMounts = []corev1.VolumeMount{{Name: "logs", MountPath: "/logs", SubPathExpr: "$(NAME)"}}
			app.SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
			app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: "logs", MountPath: "/host", MountPropagation: ptr.To(corev1.MountPropagationBidirectional)})
		},
		containers: []string{"agent", "app"},
		check: func(p *corev1.Pod) {
			agent := neighbourless(container(p, "agent"))
			Expect(agent.VolumeDevices).To(Equal([]corev1.VolumeDevice{{Name: "one", DevicePath: "/dev/one"}}))
			Expect(agent.VolumeMounts).To(Equal([]corev1.VolumeMount{
				{Name: "own", MountPath: "/dev/two"}, {Name: "logs", MountPath: "/logs", SubPathExpr: "$(NAME)"},
				{Name: "logs", MountPath: "/host", MountPropagation: ptr.To(corev1.MountPropagationHostToContainer)}}))
			Expect(envNames(agent)).To(Equal([]string{"IS_INJECTED", "NAME"}))
		},
	}),
	Entry("with transferred variables", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("agent", "i:1").Spec(func(s *v1beta1.SidecarSetSpec) {
			from := &v1beta1.SourceContainerNameSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['main']"}}
			s.Containers[0].TransferEnv = []v1beta1.TransferEnvVar{{SourceContainerNameFrom: from, EnvNames: []string{"B", "A"}}}
		})},
		pod: func(p *corev1.Pod) {
			p.Labels["main"] = "app"
			p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "1"},
				{Name: "B", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{ContainerName: "app", Resource: "limits.cpu"}}}}
		},
		containers: []string{"agent", "app"},
		check: func(p *corev1.Pod) {
			Expect(envNames(container(p, "agent"))).To(Equal([]string{"IS_INJECTED", "A", "B", "NEIGHBOUR"}))
		},
	}),
	Entry("with hot-upgrade pairs", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("mesh", "mesh:1").NativeSidecar("net", "net:1").Spec(func(s *v1beta1.SidecarSetSpec) {
			hot := v1beta1.SidecarContainerUpgradeStrategy{UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1"}
			s.Containers[0].UpgradeStrategy, s.InitContainers[0].UpgradeStrategy = hot, hot
		})},
		init: []string{"net-1", "net-2"}, containers: []string{"mesh-1", "mesh-2", "app"},
		check: func(p *corev1.Pod) {
			Expect(container(p, "mesh-2").Image).To(Equal("empty:1"))
			Expect(p.Annotations).To(HaveKeyWithValue(v1beta1.SidecarSetWorkingContainersAnnotation, `{"mesh":"mesh-1","net":"net-1"}`))
		},
	}),
	Entry("with computed resources", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("agent", "i:1").Spec(computed("cpu*50%", "cpu"))},
		pod: func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
		},
		containers: []string{"agent", "app"},
		// The limit of the Pod's container is its request by default, so the computed request exceeds the computed
		// limit.
		warnings: []string{"SidecarSet s, container agent: resourcesPolicy computes a request of 1 cpu, more than the limit of 500m; the limit is requested"},
		check: func(p *corev1.Pod) {
			half := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}
			Expect(container(p, "agent").Resources).To(Equal(corev1.ResourceRequirements{Limits: half, Requests: half}))
		},
	}),
	Entry("with resources that cannot be computed", feature{
		sets:       []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("agent", "i:1").Spec(computed("", "cpu-2"))},
		containers: []string{"agent", "app"},
		warnings: []string{`SidecarSet s, container agent: resourcesPolicy.resourcesExpr.requests.cpu is left out: ` +
			`expression "cpu-2" with cpu=0 is -2; a resource cannot be negative`},
	}),
	Entry("with patched annotations", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("agent", "i:1").Spec(func(s *v1beta1.SidecarSetSpec) {
			s.PatchPodMetadata = []v1beta1.SidecarSetPatchPodMetadata{
				{PatchPolicy: v1beta1.SidecarSetRetainPatchPolicy, Annotations: map[string]string{"kept": "set", "new": "set"}},
				{PatchPolicy: v1beta1.SidecarSetOverwritePatchPolicy, Annotations: map[string]string{"replaced": "set"}},
				{PatchPolicy: v1beta1.SidecarSetMergePatchJSONPatchPolicy, Annotations: map[string]string{"merged": `{"b":2}`}},
			}
		})},
		pod: func(p *corev1.Pod) {
			p.Annotations = map[string]string{"kept": "pod", "replaced": "pod", "merged": `{"a":1}`}
		},
		containers: []string{"agent", "app"},
		check: func(p *corev1.Pod) {
			for key, want := range map[string]string{"kept": "pod", "new": "set", "replaced": "set", "merged": `{"a":1,"b":2}`} {
				Expect(p.Annotations).To(HaveKeyWithValue(key, want))
			}
		},
	}),
	Entry("with a canary instead of its base", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("base").Container("agent", "agent:1"), func() *build.SidecarSetBuilder {
			b := build.MakeSidecarSet("next").Container("agent", "agent:2")
			b.Obj().Annotations = map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: "base"}
			return b
		}()},
		containers: []string{"agent", "app"},
		check:      func(p *corev1.Pod) { Expect(container(p, "agent").Image).To(Equal("agent:2")) },
	}),
	Entry("without a set that would conflict with another", feature{
		sets:       []*build.SidecarSetBuilder{build.MakeSidecarSet("a").Container("agent", "i:1"), build.MakeSidecarSet("b").NativeSidecar("agent", "i:1")},
		containers: []string{"agent", "app"},
		warnings:   []string{"SidecarSet b is not injected: SidecarSet a has a container agent too; rename one of them, or let only one of the sets match"},
	}),
	Entry("in namespaces that a selector picks", feature{
		sets: []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("agent", "i:1").Spec(func(s *v1beta1.SidecarSetSpec) {
			s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "default"}}
		})},
		containers: []string{"agent", "app"},
	}),
)

// computed is a policy for CPU over all containers of the Pod.
func computed(limit, request string) func(*v1beta1.SidecarSetSpec) {
	return func(s *v1beta1.SidecarSetSpec) {
		policy := &v1beta1.ResourcesPolicy{TargetContainersMode: v1beta1.TargetContainersModeSum, TargetContainersNameRegex: ".*"}
		if limit != "" {
			policy.ResourcesExpr.Limits = &v1beta1.ResourceExprLimits{CPU: limit}
		}
		policy.ResourcesExpr.Requests = &v1beta1.ResourceExprRequests{CPU: request}
		s.Containers[0].ResourcesPolicy = policy
	}
}
