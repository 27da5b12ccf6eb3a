// SPDX-License-Identifier: Apache-2.0

package validity

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func newPod() *corev1.Pod { return build.MakePod("p").New().Obj() }

// injectionOf is what a set with one container, changed, puts into a Pod.
func injectionOf(t *testing.T, pod *corev1.Pod, change func(*v1beta1.SidecarSetSpec)) *sidecar.Injection {
	t.Helper()
	b := build.MakeSidecarSet("s").Container("agent", "agent:1")
	if change != nil {
		b.Spec(change)
	}
	set, err := sidecar.Compile(b.Obj())
	if err != nil {
		t.Fatal(err)
	}
	injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, metav1.NewTime(build.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	return injection
}

func TestWhatTheAPIServerWouldRefuse(t *testing.T) {
	agent := func(change func(*v1beta1.SidecarContainer)) func(*v1beta1.SidecarSetSpec) {
		return func(s *v1beta1.SidecarSetSpec) { change(&s.Containers[0]) }
	}
	port := []corev1.ContainerPort{{ContainerPort: 9100}}
	amount := func(cpu string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
	mount := func(name string) func(*v1beta1.SidecarSetSpec) {
		return agent(func(c *v1beta1.SidecarContainer) {
			c.VolumeMounts = []corev1.VolumeMount{{Name: name, MountPath: "/data"}}
		})
	}
	claim := func(name string) corev1.VolumeSource {
		return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
	}
	for name, test := range map[string]struct {
		pod  func(*corev1.Pod)
		set  func(*v1beta1.SidecarSetSpec)
		want string
	}{
		"nothing": {},
		"equal ports of the node": {
			pod: func(p *corev1.Pod) { p.Spec.HostNetwork, p.Spec.Containers[0].Ports = true, port },
			set: agent(func(c *v1beta1.SidecarContainer) { c.Ports = port }), want: `spec.containers[app].ports[0].hostPort: Duplicate value: "TCP//9100"`,
		},
		"equal ports of the Pod are none of its business": {
			pod: func(p *corev1.Pod) { p.Spec.Containers[0].Ports = port }, set: agent(func(c *v1beta1.SidecarContainer) { c.Ports = port }),
		},
		"what Windows does not have": {
			pod: func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} },
			set: agent(func(c *v1beta1.SidecarContainer) {
				c.SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](1000)}
			}),
			want: "spec.containers[agent].securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
		},
		"more than the Pod as a whole asks for": {
			pod:  func(p *corev1.Pod) { p.Spec.Resources = &corev1.ResourceRequirements{Requests: amount("100m")} },
			set:  agent(func(c *v1beta1.SidecarContainer) { c.Resources.Requests = amount("500m") }),
			want: `spec.resources.requests[cpu]: Invalid value: "100m": must be greater than or equal to aggregate container requests of 500m`,
		},
		"a claim of a device that the Pod lacks": {
			set:  agent(func(c *v1beta1.SidecarContainer) { c.Resources.Claims = []corev1.ResourceClaim{{Name: "gpu"}} }),
			want: `spec.containers[agent].resources.claims[0]: Not found: "gpu": must be one of the names in pod.spec.resourceClaims which is empty`,
		},
		"a mount of a volume that the Pod lacks": {set: mount("data"), want: `spec.containers[agent].volumeMounts[0].name: Not found: "data"`},
		"a mount of one that it has": {
			pod: func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: claim("c")}} }, set: mount("data"),
		},
		"annotations that are too large together": {
			pod:  func(p *corev1.Pod) { p.Annotations = map[string]string{"a": strings.Repeat("x", 256<<10-100)} },
			want: "metadata.annotations: Too long: all of them together may not be more than 262144 bytes",
		},
		"annotations that are too large by themselves are the Pod's fault": {
			pod: func(p *corev1.Pod) { p.Annotations = map[string]string{"a": strings.Repeat("x", 256<<10)} },
		},
		"a claim that Kubernetes makes for another volume of the Pod": {
			pod: func(p *corev1.Pod) {
				p.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
					VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
						AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
						Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
					}}}}}}
			},
			set: func(s *v1beta1.SidecarSetSpec) {
				mount("data")(s)
				s.Volumes = []corev1.Volume{{Name: "data", VolumeSource: claim("p-scratch")}}
			},
			want: `spec.volumes[data].persistentVolumeClaim.claimName: Invalid value: "p-scratch": must not reference a PVC that gets created for an ephemeral volume`,
		},
		"a sleep that is longer than the Pod is given": {
			pod: func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](5) },
			set: agent(func(c *v1beta1.SidecarContainer) {
				c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 10}}}
			}),
			want: `spec.containers[agent].lifecycle.preStop.sleep: Invalid value: 10: must be non-negative and less than terminationGracePeriodSeconds (5)`,
		},
		"an annotation about a container that is not there": {
			set: func(s *v1beta1.SidecarSetSpec) {
				s.PatchPodMetadata = []v1beta1.SidecarSetPatchPodMetadata{{Annotations: map[string]string{"container.apparmor.security.beta.kubernetes.io/none": "runtime/default"}}}
			},
			want: `metadata.annotations[container.apparmor.security.beta.kubernetes.io/none]: Invalid value: "none": container not found`,
		},
		"what is wrong with the Pod itself": {pod: func(p *corev1.Pod) { p.Spec.Containers[0].Image = "" }},
		"a sum that is wrong already": {
			pod: func(p *corev1.Pod) {
				p.Spec.Resources = &corev1.ResourceRequirements{Requests: amount("100m")}
				p.Spec.Containers[0].Resources.Requests = amount("1")
			},
			set: agent(func(c *v1beta1.SidecarContainer) { c.Resources.Requests = amount("500m") }),
		},
		"amounts that take long to compute with": {
			pod: func(p *corev1.Pod) {
				p.Spec.Resources = &corev1.ResourceRequirements{Requests: amount("1e200000000")}
				p.Spec.Containers[0].Resources.Requests = amount("1e200000000")
			},
			set: agent(func(c *v1beta1.SidecarContainer) { c.Resources.Requests = amount("500m") }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := newPod()
			if test.pod != nil {
				test.pod(pod)
			}
			injection := injectionOf(t, pod, test.set)
			before, patch := pod.DeepCopy(), fmt.Sprintf("%+v", injection)
			validator := NewValidator()
			for range 2 { // the second answer is remembered
				got, err := validator.Refusal(pod, injection)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("refusal (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(before, pod); diff != "" || patch != fmt.Sprintf("%+v", injection) {
				t.Errorf("the validator has changed the Pod or the injection:\n%s", diff)
			}
		})
	}
}

// Pods of one workload are one shape, whatever is different in each of them.
func TestPodsOfOneWorkloadAreValidatedOnce(t *testing.T) {
	validator := NewValidator()
	for i := range 50 {
		pod := newPod()
		pod.Name, pod.Spec.Hostname = fmt.Sprint("web-", i), fmt.Sprint("web-", i)
		pod.Labels = map[string]string{"app": "web", "statefulset.kubernetes.io/pod-name": pod.Name}
		pod.Annotations = map[string]string{"trace.example/id": fmt.Sprint(i)}
		pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "ORDINAL", Value: fmt.Sprint(i)}}
		token := fmt.Sprintf("kube-api-access-%05d", i)
		pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: token, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}}
		pod.Spec.Volumes = []corev1.Volume{
			{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-" + pod.Name}}},
			{Name: token, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}},
		}
		if _, err := validator.Refusal(pod, injectionOf(t, pod, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if got := validator.answers.Len(); got != 1 {
		t.Errorf("%d answers are remembered, want 1", got)
	}
}
