// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// fleet is a SidecarSet injected into the Pods of several Deployments of one namespace.
type fleet struct {
	namespace, set string
	deployments    []*appsv1.Deployment
	history        *framework.PodHistory
}

// startFleet runs Deployments of so many Pods, with a sidecar that takes a second to be ready, and records them from
// then on. The edit changes the SidecarSet before it is created.
func startFleet(ctx context.Context, replicas int32, edit func(*v1beta1.SidecarSet), names ...string) *fleet {
	GinkgoHelper()
	f := &fleet{namespace: newNamespace(ctx, nil)}
	set := framework.SidecarSet(f.namespace, f.namespace, "")
	set.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: framework.AppLabel, Operator: metav1.LabelSelectorOpIn, Values: names},
	}}
	set.Spec.Containers[0].Env = append(set.Spec.Containers[0].Env, corev1.EnvVar{Name: "APP_READY_AFTER", Value: "1s"})
	edit(set)
	f.set = createSet(ctx, set).Name
	Eventually(ctx, func() error { return cluster.Injects(ctx, f.namespace, names[0], f.set) }).Should(Succeed())
	for _, name := range names {
		deployment := framework.Deployment(f.namespace, name, replicas)
		Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())
		f.deployments = append(f.deployments, deployment)
	}
	f.await(ctx)
	total := replicas * int32(len(names))
	awaitCounters(ctx, f.set, counters{Matched: total, Updated: total, Ready: total, UpdatedReady: total})
	var err error
	f.history, err = cluster.RecordPods(context.WithoutCancel(ctx), f.namespace, nil)
	Expect(err).NotTo(HaveOccurred())
	return f
}

// await waits until all Pods are ready, and returns them.
func (f *fleet) await(ctx context.Context) (out []corev1.Pod) {
	GinkgoHelper()
	for _, deployment := range f.deployments {
		out = append(out, awaitPods(ctx, deployment)...)
	}
	return out
}

// roll rolls the second version of the sidecar out, and returns what was recorded meanwhile.
func (f *fleet) roll(ctx context.Context) []framework.PodChange {
	GinkgoHelper()
	began := time.Now()
	changeSet(ctx, f.set, setImage(framework.SidecarImageV2))
	f.awaitComplete(ctx)
	figure("rollout", "%d Deployments of %d Pods in %.1f s", len(f.deployments), *f.deployments[0].Spec.Replicas, time.Since(began).Seconds())
	changes, err := f.history.Stop()
	Expect(err).NotTo(HaveOccurred())
	return changes
}

func (f *fleet) awaitComplete(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		return cluster.HasCondition(ctx, f.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
	}).Should(Succeed())
	Expect(images(f.await(ctx), framework.SidecarContainer)).To(HaveEach(framework.SidecarImageV2))
}

// expectMost holds how many Pods of each workload were missing at a time at most, and shows the figures.
func expectMost(changes []framework.PodChange, workloads, most int) {
	GinkgoHelper()
	recorded := framework.UnreadyByWorkload(changes, framework.ByLabel(framework.AppLabel))
	Expect(recorded).To(HaveLen(workloads))
	for workload, unready := range recorded {
		figure(workload, "%d missing at a time at most; a Pod was away for %.1f s at most", unready.Most, unready.Longest.Seconds())
		Expect(unready.Most).To(BeNumerically(">", 0), "the restarts of %s were not seen", workload)
		Expect(unready.Most).To(BeNumerically("<=", most), "%s:\n%s", workload, strings.Join(unready.History, "\n"))
	}
}

func percent(p string) *intstr.IntOrString { return ptr.To(intstr.FromString(p)) }

var _ = Describe("A rollout through Pods of several workloads", func() {
	It("takes no workload down, with all Pods at once allowed and nothing else said", func(ctx SpecContext) {
		f := startFleet(ctx, 2, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.MaxUnavailable = percent("100%") }, "cart", "web")
		expectMost(f.roll(ctx), 2, 1)
	}, SpecTimeout(framework.SpecPatience))

	It("keeps to each PodDisruptionBudget, with half of all Pods at once allowed", func(ctx SpecContext) {
		f := startFleet(ctx, 3, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.MaxUnavailable = percent("50%") }, "cart", "shop", "web")
		f.protect(ctx, 2)
		expectMost(f.roll(ctx), 3, 1)
	}, SpecTimeout(framework.SpecPatience))

	It("keeps to PodDisruptionBudgets while a node is drained", Serial, func(ctx SpecContext) {
		nodes, err := cluster.Nodes(ctx)
		Expect(err).NotTo(HaveOccurred())
		if len(nodes) < 2 {
			Skip("the Pods of a node that is drained need another one")
		}
		f := startFleet(ctx, 3, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.MaxUnavailable = percent("50%") }, "cart", "web")
		f.protect(ctx, 2)

		changeSet(ctx, f.set, setImage(framework.SidecarImageV2))
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Cordon(ctx, nodes[1], false)).To(Succeed()) })
		Expect(cluster.Cordon(ctx, nodes[1], true)).To(Succeed())
		evicted, err := cluster.EvictFrom(ctx, nodes[1], f.namespace)
		Expect(err).NotTo(HaveOccurred())
		f.awaitComplete(ctx)

		figure("evicted", "%d Pods of node %s", evicted, nodes[1])
		changes, err := f.history.Stop()
		Expect(err).NotTo(HaveOccurred())
		// An eviction that was let go in the moment before the kubelet says that a Pod of ours is down takes one more.
		expectMost(changes, 2, 2)
	}, SpecTimeout(framework.SpecPatience))

	It("begins with no Pod of a zone before all of the zone before serve again", Serial, func(ctx SpecContext) {
		nodes, err := cluster.Nodes(ctx)
		Expect(err).NotTo(HaveOccurred())
		if len(nodes) < 2 {
			Skip("two zones need two nodes")
		}
		zone := "e2e.windlass.dev/zone"
		// The order is that of the values, not that of the nodes.
		for i, value := range []string{"b", "a"} {
			DeferCleanup(func(ctx SpecContext) { Expect(cluster.LabelNode(ctx, nodes[i], zone, "")).To(Succeed()) })
			Expect(cluster.LabelNode(ctx, nodes[i], zone, value)).To(Succeed())
		}
		f := startFleet(ctx, 4, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.MaxUnavailable = percent("100%")
			set.Spec.UpdateStrategy.TopologyKey = zone
		}, "web")
		expectOneZoneAfterTheOther(f.roll(ctx), nodes[1], nodes[0])
	}, SpecTimeout(framework.SpecPatience))
})

// protect gives each Deployment a PodDisruptionBudget, and waits until it speaks of its Pods.
func (f *fleet) protect(ctx context.Context, minAvailable int32) {
	GinkgoHelper()
	for _, deployment := range f.deployments {
		budget := framework.Budget(f.namespace, deployment.Name, minAvailable)
		Expect(cluster.Client.Create(ctx, budget)).To(Succeed())
		Eventually(ctx, func() (int32, error) {
			err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(budget), budget)
			return budget.Status.DisruptionsAllowed, err
		}).Should(Equal(*deployment.Spec.Replicas - minAvailable))
	}
}

// expectOneZoneAfterTheOther holds that no Pod of the second node was changed before all of the first one served with
// the second version of the sidecar.
func expectOneZoneAfterTheOther(changes []framework.PodChange, first, second string) {
	GinkgoHelper()
	begun := false
	framework.Replay(changes, func(change *framework.PodChange, pods map[string]*corev1.Pod) {
		updated := func(pod *corev1.Pod) bool {
			sidecar := framework.Container(pod, framework.SidecarContainer) // pullers have none
			return sidecar != nil && sidecar.Image == framework.SidecarImageV2
		}
		if begun || change.After == nil || change.After.Spec.NodeName != second || !updated(change.After) {
			return
		}
		begun = true
		for name, pod := range pods {
			if pod.Spec.NodeName != first || framework.Container(pod, framework.SidecarContainer) == nil {
				continue
			}
			running := framework.ContainerStatus(pod, framework.SidecarContainer).RestartCount == 1
			Expect(updated(pod) && running && framework.IsReady(pod)).To(BeTrue(),
				"Pod %s of %s serves with the new version when %s of %s is changed", name, first, change.Name(), second)
		}
	})
	Expect(begun).To(BeTrue(), "a Pod of %s was changed", second)
}
