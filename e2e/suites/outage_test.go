// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// missed is how many Pods are created while no webhook answers. Conditions name five at most.
	missed = 5
	// burstSize is more than the connections that the API server keeps to the webhook.
	burstSize = 50
)

var _ = Describe("While both webhook replicas are gone", Serial, func() {
	It("creates Pods all the same, reports them, and injects again afterwards", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		set := createSet(ctx, framework.SidecarSet(namespace, namespace, "app"))
		awaitInjection(ctx, namespace, set.Name)
		injected := createPod(ctx, framework.UnscheduledPod(namespace, "before", "app"))
		Expect(injected).To(beInjectedBy(set.Name))

		killWebhooks(ctx, namespace, set.Name)
		// Times of creation are in whole seconds: of a Pod made in the set's second nobody knows whether it was there
		// first.
		Eventually(ctx, time.Now).Should(BeTemporally(">", set.CreationTimestamp.Add(time.Second)))
		var creations []framework.Creation
		for n := range missed {
			creation := cluster.CreatePod(ctx, framework.UnscheduledPod(namespace, fmt.Sprintf("missed-%d", n), "app"))
			Expect(creation.Err).NotTo(HaveOccurred())
			Expect(creation.Pod).NotTo(beInjectedBy(set.Name))
			creations = append(creations, creation)
		}
		figure("Pods created meanwhile", "%d; median %s, slowest %s; the API server waits for %s", len(creations),
			framework.Median(creations).Round(time.Millisecond), framework.Slowest(creations).Round(time.Millisecond), podWebhookTimeout(ctx))

		By("reporting them")
		awaitCounters(ctx, set.Name, counters{Matched: 1, Updated: 1, Uninjected: missed})
		awaitCondition(ctx, set.Name, v1beta1.ConditionInjected, metav1.ConditionFalse, v1beta1.ReasonPodsNotInjected)
		message := conditionMessage(ctx, set.Name, v1beta1.ConditionInjected)
		figure("Injected", "%s", message)
		for _, creation := range creations {
			Expect(message).To(ContainSubstring(namespace + "/" + creation.Pod.Name))
		}
		Expect(uninjectedNames(ctx, set.Name)).To(Equal(namesOf(creations)))
		Expect(summaryOf(ctx, set)).To(Equal(fmt.Sprintf("Uninjected %d", missed)))

		By("injecting again when the webhook is back")
		bringBack(ctx, namespace, set.Name)
		Expect(createPod(ctx, framework.UnscheduledPod(namespace, "after", "app"))).To(beInjectedBy(set.Name))
		awaitCounters(ctx, set.Name, counters{Matched: 2, Updated: 2, Uninjected: missed})

		By("forgetting them when they are gone")
		for _, creation := range creations {
			Expect(cluster.Client.Delete(ctx, creation.Pod, client.GracePeriodSeconds(0))).To(Succeed())
		}
		awaitCondition(ctx, set.Name, v1beta1.ConditionInjected, metav1.ConditionTrue, v1beta1.ReasonAllPodsInjected)
		awaitCounters(ctx, set.Name, counters{Matched: 2, Updated: 2})
	}, SpecTimeout(framework.SpecPatience))

	It("refuses Pods of a namespace whose injection is enforced, and says why", func(ctx SpecContext) {
		namespace := newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced})
		set := createSet(ctx, framework.SidecarSet(namespace, namespace, "app"))
		killWebhooks(ctx, namespace, set.Name)

		creation := cluster.CreatePod(ctx, framework.UnscheduledPod(namespace, "pod", "app"))

		Expect(creation.Err).To(MatchError(ContainSubstring("pods.enforced.apps.kruise.io")))
		figure("refused", "%v", creation.Err)
	}, SpecTimeout(framework.SpecPatience))
})

// killWebhooks ends both replicas at once, without grace, and keeps them away until bringBack, which also runs when the
// spec ends. Their processes live on for a moment after their Pods; it returns when they answer no more.
func killWebhooks(ctx context.Context, namespace, set string) {
	GinkgoHelper()
	pods, err := cluster.ReadyReleasePods(ctx, "webhook", replicas)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { bringBack(ctx, namespace, set) }, NodeTimeout(framework.SpecPatience))
	patchReplicas(ctx, 0)
	for i := range pods {
		Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, &pods[i], client.GracePeriodSeconds(0)))).To(Succeed())
	}
	Eventually(ctx, func() ([]corev1.Pod, error) { return cluster.ReleasePods(ctx, "webhook") }).Should(BeEmpty())
	Eventually(ctx, func() error { return cluster.Injects(ctx, namespace, "app", set) }).ShouldNot(Succeed())
}

// stopWebhooks ends both replicas in an orderly way, and keeps them away until bringBack, which also runs when the spec
// ends. Their Pods go when their processes have ended.
func stopWebhooks(ctx context.Context, namespace, set string) {
	GinkgoHelper()
	DeferCleanup(func(ctx SpecContext) { bringBack(ctx, namespace, set) }, NodeTimeout(framework.SpecPatience))
	patchReplicas(ctx, 0)
	Eventually(ctx, func() ([]corev1.Pod, error) {
		list := &corev1.PodList{}
		err := cluster.Client.List(ctx, list, client.InNamespace(options.Namespace),
			client.MatchingLabels{"app.kubernetes.io/instance": framework.ReleaseName, "app.kubernetes.io/component": "webhook"})
		return list.Items, err
	}).Should(BeEmpty())
}

// bringBack gives the webhook its replicas again, and waits until every one of a burst of Pods would be injected. The
// burst is there because the API server keeps its connections and does not learn that the other end was killed: each of
// those costs one creation its timeout.
func bringBack(ctx context.Context, namespace, set string) {
	GinkgoHelper()
	patchReplicas(ctx, replicas)
	Eventually(ctx, func() error {
		_, err := cluster.ReadyReleasePods(ctx, "webhook", replicas)
		return err
	}).Should(Succeed())
	Eventually(ctx, func() int { return burst(ctx, namespace, set) }).Should(Equal(burstSize), "Pods of a burst with their sidecar")
}

// burst asks for many Pods at once, without making them, and returns how many of them would have the sidecar.
func burst(ctx context.Context, namespace, set string) int {
	var good atomic.Int32
	var wait sync.WaitGroup
	for n := range burstSize {
		wait.Go(func() {
			pod := framework.UnscheduledPod(namespace, fmt.Sprintf("burst-%d", n), "app")
			if err := cluster.Client.Create(ctx, pod, client.DryRunAll); err == nil && framework.IsInjected(pod, set) {
				good.Add(1)
			}
		})
	}
	wait.Wait()
	return int(good.Load())
}

func patchReplicas(ctx context.Context, count int32) {
	GinkgoHelper()
	deployment := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: options.Namespace, Name: framework.ReleaseName + "-webhook"}
	Expect(cluster.Client.Get(ctx, key, deployment)).To(Succeed())
	before := deployment.DeepCopy()
	deployment.Spec.Replicas = &count
	Expect(cluster.Client.Patch(ctx, deployment, client.MergeFrom(before))).To(Succeed())
}

// podWebhookTimeout is how long the API server waits for the Pod webhooks at most.
func podWebhookTimeout(ctx context.Context) time.Duration {
	GinkgoHelper()
	mutating, _, err := cluster.WebhookConfigurations(ctx)
	Expect(err).NotTo(HaveOccurred())
	var longest int32
	for i := range mutating.Webhooks {
		if strings.HasPrefix(mutating.Webhooks[i].Name, "pods.") {
			longest = max(longest, *mutating.Webhooks[i].TimeoutSeconds)
		}
	}
	Expect(longest).To(BeNumerically(">", 0), "timeoutSeconds of the Pod webhooks")
	return time.Duration(longest) * time.Second
}

func uninjectedNames(ctx context.Context, name string) []string {
	GinkgoHelper()
	set, err := cluster.GetSidecarSet(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	names := make([]string, 0, len(set.Status.Uninjected))
	for _, pod := range set.Status.Uninjected {
		Expect(pod.Reason).To(Equal("WebhookMissed"))
		names = append(names, pod.Name)
	}
	return names
}

func namesOf(creations []framework.Creation) []string {
	names := make([]string, 0, len(creations))
	for _, creation := range creations {
		names = append(names, creation.Pod.Name)
	}
	slices.Sort(names)
	return names
}
