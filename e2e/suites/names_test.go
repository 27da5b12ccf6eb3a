// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// native is the name of the native sidecar of setOfBothLists.
const native = "native"

// setOfBothLists injects a container and a native sidecar into the Pods of the workload "app" of some namespaces.
func setOfBothLists(name string, namespaces ...string) *v1beta1.SidecarSet {
	set := framework.SidecarSet(name, "", "app")
	set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: namespaces},
	}}
	set.Spec.RepairPolicy = v1beta1.RepairRecreate
	set.Spec.InitContainers = []v1beta1.SidecarContainer{{Container: framework.Sidecar(native, 8082)}}
	set.Spec.InitContainers[0].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	return set
}

// renamed is a Pod of the workload "app" whose own container, or init container, has this name.
func renamed(namespace, name, container string, init bool) *corev1.Pod {
	pod := framework.UnscheduledPod(namespace, name, "app")
	pod.Spec.SchedulerName = ""
	if !init {
		pod.Spec.Containers[0].Name = container
		return pod
	}
	pod.Spec.InitContainers = []corev1.Container{{Name: container, Image: framework.SidecarImageV3, Args: []string{"exit", "0"}}}
	return pod
}

// warned are the warnings with which the API server answers a write.
func warned(write func(client.Client) error) []string {
	GinkgoHelper()
	config, said := cluster.Hearing()
	c, err := client.New(config, client.Options{Scheme: cluster.Client.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	Expect(write(c)).To(Succeed())
	return said.Take()
}

func awaitRunning(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		g.Expect(podCondition(pod, corev1.PodReady).Status).To(Equal(corev1.ConditionTrue), "%s: %+v", pod.Name, pod.Status)
	}).Should(Succeed())
	return pod
}

var _ = Describe("A Pod's own container of a sidecar's name", func() {
	It("stays, in both lists, is told, and is refused or replaced where its owner has said so", func(ctx SpecContext) {
		plain := newNamespace(ctx, nil)
		enforced := newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced})
		set := createSet(ctx, setOfBothLists(plain, plain, enforced))
		awaitInjection(ctx, plain, set.Name)
		clash := func(kind, name, of string) string {
			return "SidecarSet " + set.Name + " is not injected: its " + kind + ` "` + name + `" has the name of ` + of + " of this Pod"
		}

		By("leaving the set out of Pods with such a container, which run as their owner made them")
		var own []*corev1.Pod
		for name, test := range map[string]struct {
			container string
			init      bool
			want      string
		}{
			"same-list":      {framework.SidecarContainer, false, clash("container", framework.SidecarContainer, "a container")},
			"other-list":     {framework.SidecarContainer, true, clash("container", framework.SidecarContainer, "an init container")},
			"same-init-list": {native, true, clash("init container", native, "an init container")},
			"native-clash":   {native, false, clash("init container", native, "a container")},
		} {
			pod := renamed(plain, name, test.container, test.init)
			Expect(warned(func(c client.Client) error { return c.Create(ctx, pod) })).To(ContainElement(HavePrefix(test.want)), name)
			Expect(pod).NotTo(beInjectedBy(set.Name), name)
			Expect(append(pod.Spec.InitContainers, pod.Spec.Containers...)).NotTo(ContainElement(HaveField("Image", framework.SidecarImage)), name)
			own = append(own, pod)

			refused := cluster.Client.Create(ctx, renamed(enforced, name, test.container, test.init))
			Expect(apierrors.IsForbidden(refused)).To(BeTrue(), "%s: %v", name, refused)
			Expect(refused).To(MatchError(ContainSubstring(test.want)), name)
		}
		for _, pod := range own {
			awaitRunning(ctx, pod)
		}

		By("naming them: status, condition, event, and the answer to the next write of such a set")
		Eventually(ctx, func(g Gomega) {
			at, err := cluster.GetSidecarSet(ctx, set.Name)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(at.Status.Uninjected).To(HaveLen(len(own)))
			g.Expect(at.Status.Uninjected).To(HaveEach(HaveField("Reason", v1beta1.ReasonNameTaken)))
		}).Should(Succeed())
		awaitCondition(ctx, set.Name, v1beta1.ConditionInjected, metav1.ConditionFalse, v1beta1.ReasonPodsNotInjected)
		Eventually(ctx, func() ([]string, error) { return cluster.EventNotes(ctx, set, "NameTaken") }).Should(ConsistOf(
			ContainSubstring("has the name of")))
		next := setOfBothLists(plain+"-next", plain)
		next.Spec.Selector.MatchLabels = map[string]string{framework.AppLabel: "app", "next": "true"}
		for _, pod := range own {
			before := pod.DeepCopy()
			pod.Labels["next"] = "true"
			Expect(cluster.Client.Patch(ctx, pod, client.MergeFrom(before))).To(Succeed())
		}
		changed := set.DeepCopy()
		changed.Spec.Selector = next.Spec.Selector
		answer := warned(func(c client.Client) error { return c.Patch(ctx, changed, client.MergeFrom(set), client.DryRunAll) })
		Expect(answer).To(ContainElement(HavePrefix("spec.containers: %d live Pods, the first %s/native-clash, bring", len(own), plain)))
		figure("the warning", "%v", answer)

		By("replacing one with the consent of its owner, in a namespace of either kind and in either list")
		for _, namespace := range []string{plain, enforced} {
			for name, init := range map[string]bool{framework.SidecarContainer: false, native: true} {
				pod := renamed(namespace, "placeholder-"+name, name, init)
				if !init {
					pod.Spec.Containers = append(pod.Spec.Containers, framework.UnscheduledPod(namespace, "", "app").Spec.Containers...)
				}
				pod.Annotations = map[string]string{v1beta1.ReplacedBySidecarAnnotation: name}
				Expect(createPod(ctx, pod)).To(beInjectedBy(set.Name))
				awaitRunning(ctx, pod)
				Expect(framework.ContainerStatus(pod, name).Ready).To(BeTrue(), "%s of %s", name, pod.Name)
			}
		}

		By("updating these, and leaving the others as they are")
		changeSet(ctx, set.Name, setImage(framework.SidecarImageV2))
		awaitCounters(ctx, set.Name, counters{Matched: 4, Updated: 4, Ready: 4, UpdatedReady: 4, Uninjected: int32(len(own))})
		for _, pod := range own {
			was := pod.UID
			Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
			Expect(pod.UID).To(Equal(was), "%s was evicted", pod.Name)
			Expect(framework.Restarts([]corev1.Pod{*pod})).To(HaveEach(BeZero()))
		}
	}, SpecTimeout(framework.SpecPatience))
})
