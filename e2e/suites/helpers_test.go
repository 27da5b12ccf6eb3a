// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// newNamespace makes a namespace for one spec, which goes when the spec ends. When it fails, what is in it is written
// out first.
func newNamespace(ctx context.Context, labels map[string]string) string {
	GinkgoHelper()
	namespace, err := cluster.NewNamespace(ctx, "e2e", labels)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		if CurrentSpecReport().Failed() {
			cluster.Dump(ctx, GinkgoWriter, namespace.Name)
		}
		Expect(cluster.DeleteNamespace(ctx, namespace.Name)).To(Succeed())
	})
	return namespace.Name
}

// createSet creates a SidecarSet, which goes when the spec ends.
func createSet(ctx context.Context, set *v1beta1.SidecarSet) *v1beta1.SidecarSet {
	GinkgoHelper()
	Expect(cluster.Client.Create(ctx, set)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(cluster.DeleteSidecarSet(ctx, set.Name)).To(Succeed()) })
	awaitKnown(ctx, set.Name)
	return set
}

// awaitKnown waits until the operator has seen the SidecarSet's latest generation. The webhook watches the same
// objects; like any informer it may be a moment behind, so specs that count injected Pods create them after this.
func awaitKnown(ctx context.Context, name string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		set, err := cluster.GetSidecarSet(ctx, name)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(set.Status.ObservedGeneration).To(Equal(set.Generation), "generation that the operator has seen")
	}).Should(Succeed())
}

// changeSet changes a SidecarSet.
func changeSet(ctx context.Context, name string, change func(*v1beta1.SidecarSet)) {
	GinkgoHelper()
	_, err := cluster.ChangeSidecarSet(ctx, name, change)
	Expect(err).NotTo(HaveOccurred())
}

// setImage gives the sidecar of a SidecarSet another image.
func setImage(image string) func(*v1beta1.SidecarSet) {
	return func(set *v1beta1.SidecarSet) { set.Spec.Containers[0].Image = image }
}

// runWorkload creates a Deployment and waits until its Pods are ready.
func runWorkload(ctx context.Context, deployment *appsv1.Deployment) []corev1.Pod {
	GinkgoHelper()
	Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())
	return awaitPods(ctx, deployment)
}

// awaitPods waits until all Pods of a Deployment are ready.
func awaitPods(ctx context.Context, deployment *appsv1.Deployment) []corev1.Pod {
	GinkgoHelper()
	var pods []corev1.Pod
	Eventually(ctx, func() (err error) {
		pods, err = cluster.ReadyPods(ctx, deployment.Namespace, deployment.Spec.Selector.MatchLabels, int(*deployment.Spec.Replicas))
		return err
	}).Should(Succeed())
	return pods
}

// awaitCondition waits as `kubectl wait --for=condition=...` does: for a status that speaks of the latest generation.
func awaitCondition(ctx context.Context, set, condition string, status metav1.ConditionStatus, reason string) {
	GinkgoHelper()
	Eventually(ctx, func() error { return cluster.HasCondition(ctx, set, condition, status, reason) }).Should(Succeed())
}

// counters are those of a SidecarSet's status.
type counters struct {
	Matched, Updated, Ready, UpdatedReady, Uninjected int32
}

func countersOf(set *v1beta1.SidecarSet) counters {
	s := set.Status
	return counters{Matched: s.MatchedPods, Updated: s.UpdatedPods, Ready: s.ReadyPods, UpdatedReady: s.UpdatedReadyPods, Uninjected: s.UninjectedPods}
}

// awaitCounters waits until the SidecarSet's status says so, of its latest generation.
func awaitCounters(ctx context.Context, name string, want counters) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		set, err := cluster.GetSidecarSet(ctx, name)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(set.Status.ObservedGeneration).To(Equal(set.Generation))
		g.Expect(countersOf(set)).To(Equal(want))
	}).Should(Succeed())
}

// conditionMessage is what a SidecarSet's condition says, "" when there is no such condition.
func conditionMessage(ctx context.Context, name, condition string) string {
	GinkgoHelper()
	set, err := cluster.GetSidecarSet(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	for i := range set.Status.Conditions {
		if set.Status.Conditions[i].Type == condition {
			return set.Status.Conditions[i].Message
		}
	}
	return ""
}

// images returns the image of a container in each of the Pods.
func images(pods []corev1.Pod, container string) []string {
	out := make([]string, 0, len(pods))
	for i := range pods {
		if c := framework.Container(&pods[i], container); c != nil {
			out = append(out, c.Image)
		}
	}
	return out
}

// programs lists the Pods of both programs of the release, which must be ready.
func programs(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	var pods []corev1.Pod
	for _, component := range []string{"operator", "webhook"} {
		found, err := cluster.ReadyReleasePods(ctx, component, replicas)
		Expect(err).NotTo(HaveOccurred())
		pods = append(pods, found...)
	}
	return pods
}

// watchPrograms returns a function that fails the spec when a process of the release was restarted or replaced since.
func watchPrograms(ctx context.Context) func(context.Context) {
	GinkgoHelper()
	before := programs(ctx)
	return func(ctx context.Context) {
		GinkgoHelper()
		after := programs(ctx)
		Expect(framework.Identities(after)).To(Equal(framework.Identities(before)), "Pods of the operator and the webhook")
		Expect(framework.Restarts(after)).To(Equal(framework.Restarts(before)), "restarts of their containers")
	}
}

// awaitInjection waits until a new Pod of the workload "app" gets the sidecar.
func awaitInjection(ctx context.Context, namespace, set string) {
	GinkgoHelper()
	Eventually(ctx, func() error { return cluster.Injects(ctx, namespace, "app", set) }).Should(Succeed())
}

// createPod creates a Pod and returns it as the API server answered it.
func createPod(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	GinkgoHelper()
	creation := cluster.CreatePod(ctx, pod)
	Expect(creation.Err).NotTo(HaveOccurred())
	return creation.Pod
}

// beInjectedBy matches a Pod that holds the sidecar of a SidecarSet and says so by its annotation.
func beInjectedBy(set string) types.GomegaMatcher {
	return WithTransform(func(pod *corev1.Pod) bool { return framework.IsInjected(pod, set) }, BeTrue())
}
