// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// hashRecord is an entry of the wire's hash annotations.
type hashRecord struct {
	Hash           string   `json:"hash"`
	SidecarSetName string   `json:"sidecarSetName"`
	SidecarList    []string `json:"sidecarList"`
}

var _ = Describe("Injection", func() {
	It("puts container, init container and volume into the Pods of a Deployment on two nodes", func(ctx SpecContext) {
		nodes, err := cluster.Nodes(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(len(nodes)).To(BeNumerically(">=", 2), "nodes that take Pods: %v", nodes)
		namespace := newNamespace(ctx, nil)
		set := createSet(ctx, fullSet(namespace))

		pods := runWorkload(ctx, framework.Deployment(namespace, "app", 2))

		Expect(pods[0].Spec.NodeName).NotTo(Equal(pods[1].Spec.NodeName), "nodes of the two Pods")
		for i := range pods {
			expectFullInjection(&pods[i])
			expectWire(&pods[i], set)
		}
		awaitCounters(ctx, set.Name, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
		awaitCondition(ctx, set.Name, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		awaitCondition(ctx, set.Name, v1beta1.ConditionInjected, metav1.ConditionTrue, v1beta1.ReasonAllPodsInjected)
	}, SpecTimeout(framework.SpecPatience))

	It("injects a native sidecar, which runs beside the application", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		set := framework.SidecarSet(namespace, namespace, "app")
		native := framework.Sidecar("native", 8082)
		native.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		set.Spec.Containers = nil
		set.Spec.InitContainers = []v1beta1.SidecarContainer{{Container: native}}
		set.Spec.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
		createSet(ctx, set)

		pod := runWorkload(ctx, framework.Deployment(namespace, "app", 1))[0]

		Expect(pod.Spec.InitContainers).To(HaveLen(1))
		Expect(pod.Spec.Containers).To(HaveLen(1))
		status := framework.ContainerStatus(&pod, "native")
		Expect(status.State.Running).NotTo(BeNil(), "the native sidecar runs: %+v", status.State)
		Expect(status.Ready).To(BeTrue())
		Expect(records(&pod, v1beta1.SidecarSetHashAnnotation)[set.Name].SidecarList).To(Equal([]string{"native"}))
		awaitCounters(ctx, set.Name, counters{Matched: 1, Updated: 1, Ready: 1, UpdatedReady: 1})
	}, SpecTimeout(framework.SpecPatience))

	It("reaches only the namespaces that its namespaceSelector picks", func(ctx SpecContext) {
		inside := newNamespace(ctx, map[string]string{"team": "payments"})
		outside := newNamespace(ctx, map[string]string{"team": "search"})
		set := framework.SidecarSet(inside, "", "app")
		set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "payments"}}
		createSet(ctx, set)
		awaitInjection(ctx, inside, set.Name)

		Expect(createPod(ctx, framework.UnscheduledPod(inside, "pod", "app"))).To(beInjectedBy(set.Name))
		Expect(createPod(ctx, framework.UnscheduledPod(outside, "pod", "app"))).NotTo(beInjectedBy(set.Name))
		Expect(createPod(ctx, framework.UnscheduledPod(inside, "other", "another-app"))).NotTo(beInjectedBy(set.Name))
		awaitCounters(ctx, set.Name, counters{Matched: 1, Updated: 1})
	})

	It("leaves Pods alone that opt out, and namespaces that are disabled", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		disabled := newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled})
		set := framework.SidecarSet(namespace, "", "app")
		set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: []string{namespace, disabled}},
		}}
		createSet(ctx, set)
		awaitInjection(ctx, namespace, set.Name)

		byLabel := framework.UnscheduledPod(namespace, "by-label", "app")
		byLabel.Labels[v1beta1.SidecarInjectionKey] = "false"
		Expect(createPod(ctx, byLabel)).NotTo(beInjectedBy(set.Name))
		byAnnotation := framework.UnscheduledPod(namespace, "by-annotation", "app")
		byAnnotation.Annotations = map[string]string{v1beta1.SidecarInjectionKey: "false"}
		Expect(createPod(ctx, byAnnotation)).NotTo(beInjectedBy(set.Name))
		Expect(createPod(ctx, framework.UnscheduledPod(disabled, "pod", "app"))).NotTo(beInjectedBy(set.Name))

		By("not counting an opt-out as an injection that was missed")
		awaitCondition(ctx, set.Name, v1beta1.ConditionInjected, metav1.ConditionTrue, v1beta1.ReasonNoPods)
	})

	It("refuses no Pod of a namespace whose injection is enforced while the webhook answers", func(ctx SpecContext) {
		namespace := newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced})
		set := createSet(ctx, framework.SidecarSet(namespace, namespace, "app"))
		awaitInjection(ctx, namespace, set.Name)

		Expect(createPod(ctx, framework.UnscheduledPod(namespace, "pod", "app"))).To(beInjectedBy(set.Name))
	})
})

// fullSet injects a container and an init container that share a volume; a second volume is mounted by neither.
func fullSet(namespace string) *v1beta1.SidecarSet {
	mount := corev1.VolumeMount{Name: "shared", MountPath: "/shared"}
	set := framework.SidecarSet(namespace, namespace, "app")
	set.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{mount}
	set.Spec.InitContainers = []v1beta1.SidecarContainer{{Container: corev1.Container{
		Name: "prepare", Image: framework.SidecarImage, Args: []string{"exit", "0"}, VolumeMounts: []corev1.VolumeMount{mount},
	}}}
	set.Spec.Volumes = []corev1.Volume{
		{Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "unused", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	return set
}

// expectFullInjection holds a running Pod against fullSet.
func expectFullInjection(pod *corev1.Pod) {
	GinkgoHelper()
	Expect(containerNames(pod.Spec.Containers)).To(Equal([]string{framework.SidecarContainer, framework.AppContainer}), "the sidecar comes before the application")
	Expect(containerNames(pod.Spec.InitContainers)).To(Equal([]string{"prepare"}))
	var volumes []string
	for i := range pod.Spec.Volumes {
		volumes = append(volumes, pod.Spec.Volumes[i].Name)
	}
	Expect(volumes).To(ContainElement("shared"))
	Expect(volumes).NotTo(ContainElement("unused"), "a volume that no sidecar mounts")
	sidecar := framework.Container(pod, framework.SidecarContainer)
	Expect(sidecar.Env).To(ContainElement(corev1.EnvVar{Name: v1beta1.SidecarInjectedEnv, Value: "true"}))
	Expect(framework.ContainerStatus(pod, "prepare").State.Terminated).To(HaveValue(HaveField("ExitCode", BeZero())))
	Expect(framework.ContainerStatus(pod, framework.SidecarContainer).Ready).To(BeTrue())
}

// expectWire holds a Pod's annotations against those of its SidecarSet.
func expectWire(pod *corev1.Pod, set *v1beta1.SidecarSet) {
	GinkgoHelper()
	Expect(pod.Annotations).To(HaveKeyWithValue(v1beta1.SidecarSetInjectedListAnnotation, set.Name))
	for _, annotation := range []string{v1beta1.SidecarSetHashAnnotation, v1beta1.SidecarSetHashWithoutImageAnnotation} {
		Expect(set.Annotations).To(HaveKeyWithValue(annotation, Not(BeEmpty())))
		Expect(records(pod, annotation)).To(Equal(map[string]hashRecord{set.Name: {
			Hash: set.Annotations[annotation], SidecarSetName: set.Name, SidecarList: []string{framework.SidecarContainer},
		}}), annotation)
	}
}

// records reads a hash annotation of a Pod.
func records(pod *corev1.Pod, annotation string) map[string]hashRecord {
	GinkgoHelper()
	out := map[string]hashRecord{}
	Expect(json.Unmarshal([]byte(pod.Annotations[annotation]), &out)).To(Succeed(), "annotation %s of Pod %s", annotation, pod.Name)
	return out
}

func containerNames(containers []corev1.Container) []string {
	names := make([]string, 0, len(containers))
	for i := range containers {
		names = append(names, containers[i].Name)
	}
	return names
}
