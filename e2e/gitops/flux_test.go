// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
	"github.com/windlass-operator/windlass/e2e/internal/gitserver"
)

var _ = Describe("Flux", Ordered, Serial, Label("flux"), func() {
	var f *fluxSuite

	BeforeAll(func(ctx SpecContext) {
		emptyCluster(ctx)
		DeferCleanup(func(ctx SpecContext) { emptyCluster(ctx) }, NodeTimeout(framework.SpecPatience))
		f = startFlux(ctx)
	}, NodeTimeout(framework.SpecPatience)) // the first time anywhere, Flux is built

	AfterEach(func(ctx SpecContext) {
		if CurrentSpecReport().Failed() {
			f.dump(ctx)
		}
	})

	It("makes everything ready in an empty cluster, even when the workloads come first and the source last", func(ctx SpecContext) {
		began := time.Now()
		for _, file := range []string{shopFile, platformFile, operatorFile, sourceFile} {
			f.apply(ctx, file)
		}
		f.await(ctx, kustomizations...)
		f.awaitRelease(ctx)
		figure("everything ready, workloads first", "%.1f s", time.Since(began).Seconds())

		for _, pod := range ledgerPods(ctx) {
			Expect(framework.Container(&pod, gatewayContainer)).NotTo(BeNil(), "sidecar of Pod %s", pod.Name)
			Expect(pod.Annotations).To(HaveKey(v1beta1.SchedPatchesAnnotation), "scheduling rules of Pod %s", pod.Name)
		}
	}, SpecTimeout(framework.SpecPatience))

	It("leaves all objects alone while nothing changes in Git", func(ctx SpecContext) {
		awaitRest(ctx)
		looked := f.looks()
		history := recordWrites(ctx)
		began := time.Now()
		var times looks
		Eventually(ctx, func(g Gomega) {
			times = f.looks()
			g.Expect(times.Kustomizations).To(BeNumerically(">=", looked.Kustomizations+4*len(kustomizations)), "comparisons of the Kustomizations with the cluster")
			g.Expect(times.Release).To(BeNumerically(">=", looked.Release+4), "comparisons of the release with the cluster")
		}).WithTimeout(2 * framework.Patience).Should(Succeed())
		writes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		Expect(describeAll(writes)).To(BeEmpty())
		Expect(f.releases(ctx)).To(HaveLen(1), "releases of the chart: drift would have made another")
		figure("writes to any object while nothing changes", "%d in %.0f s, in which Flux compared the Kustomizations %d times and the release %d times",
			len(writes), time.Since(began).Seconds(), times.Kustomizations-looked.Kustomizations, times.Release-looked.Release)
	}, SpecTimeout(framework.SpecPatience))

	It("puts back what somebody changes by hand, of the chart and of the workloads", func(ctx SpecContext) {
		operator := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: options.Namespace, Name: "windlass-operator"}}
		Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(operator), operator)).To(Succeed())
		before := operator.DeepCopy()
		operator.Spec.RevisionHistoryLimit = new(int32)
		Expect(cluster.Client.Patch(ctx, operator, client.MergeFrom(before))).To(Succeed())
		_, err := cluster.ChangeSidecarSet(ctx, gatewaySet, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.Paused = true })
		Expect(err).NotTo(HaveOccurred())

		Eventually(ctx, func(g Gomega) {
			g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(operator), operator)).To(Succeed())
			g.Expect(operator.Spec.RevisionHistoryLimit).To(Equal(before.Spec.RevisionHistoryLimit))
			set, err := cluster.GetSidecarSet(ctx, gatewaySet)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(set.Spec.UpdateStrategy.Paused).To(BeFalse())
		}).Should(Succeed())
	}, SpecTimeout(framework.SpecPatience))

	It("rolls a sidecar's new image in place, and is ready again when all Pods have it", func(ctx SpecContext) {
		before, programs := ledgerPods(ctx), framework.Identities(releasePods(ctx))
		began := time.Now()
		readiness := f.recordReady(ctx, platformKustomization)
		f.commit(ctx, "Upgrade the gateway", newTag(productionPlatform, "v1", "v2"))
		f.await(ctx, platformKustomization)
		after := ledgerPods(ctx)
		figure("a sidecar's image from commit to ready", "%.1f s", time.Since(began).Seconds())
		Expect(readiness()).To(HaveExactElements(metav1.ConditionUnknown, metav1.ConditionTrue))

		Expect(framework.Identities(after)).To(Equal(framework.Identities(before)))
		for i := range after {
			Expect(framework.Container(&after[i], gatewayContainer).Image).To(Equal(framework.SidecarImageV2))
			Expect(framework.ContainerStatus(&after[i], gatewayContainer).RestartCount).To(BeEquivalentTo(1))
			Expect(framework.ContainerStatus(&after[i], ledgerContainer).RestartCount).To(BeZero())
		}
		By("upgrading the release to the chart of the commit, which is the same, without a restart")
		f.await(ctx, kustomizations...)
		f.awaitRelease(ctx)
		Expect(framework.Identities(releasePods(ctx))).To(Equal(programs), "Pods of the operator and the webhook")
	}, SpecTimeout(framework.SpecPatience))

	It("is ready while Git says paused, and goes on when it does not", func(ctx SpecContext) {
		before := ledgerPods(ctx)
		f.commit(ctx, "Pause, and change the application meanwhile",
			pause(productionShop, "updateStrategy/rollingUpdate", true), newTag(productionShop, "v1", "v2"))
		f.await(ctx, kustomizations...)
		for _, pod := range ledgerPods(ctx) {
			Expect(framework.Container(&pod, ledgerContainer).Image).To(Equal(framework.AppImage))
		}

		f.commit(ctx, "Resume", pause(productionShop, "updateStrategy/rollingUpdate", false))
		f.await(ctx, kustomizations...)
		after := ledgerPods(ctx)
		Expect(framework.Identities(after)).To(Equal(framework.Identities(before)))
		for i := range after {
			Expect(framework.Container(&after[i], ledgerContainer).Image).To(Equal(framework.AppImageV2))
		}
		f.awaitRelease(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("says why a commit is refused, and takes the next one", func(ctx SpecContext) {
		before := framework.Identities(ledgerPods(ctx))
		f.commit(ctx, "Change what cannot be changed", gitserver.Replace(baseStatefulSet, "podManagementPolicy: Parallel", "podManagementPolicy: OrderedReady"))
		refusal := f.awaitRefusal(ctx, shopKustomization)
		Expect(refusal).To(And(ContainSubstring("StatefulSet/shop-production/ledger"), ContainSubstring("podManagementPolicy")))
		figure("refusal of a commit", "%s", refusal)

		f.commit(ctx, "Take it back", gitserver.Replace(baseStatefulSet, "podManagementPolicy: OrderedReady", "podManagementPolicy: Parallel"))
		f.await(ctx, kustomizations...)
		Expect(framework.Identities(ledgerPods(ctx))).To(Equal(before))
		f.awaitRelease(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("prunes what Git no longer has and nothing else", func(ctx SpecContext) {
		kept := createExclusion(ctx)
		history := recordWrites(ctx)
		f.commit(ctx, "Leave spot nodes", gitserver.Replace(basePlatform, "  - schedpatch.yaml\n", ""))
		f.await(ctx, kustomizations...)
		f.awaitRelease(ctx)
		Eventually(ctx, func() error {
			return cluster.Client.Get(ctx, client.ObjectKey{Namespace: production, Name: ledgerPatch}, &v1alpha1.SchedPatch{})
		}).Should(MatchError(ContainSubstring("not found")))
		writes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		Expect(deleted(writes)).To(ConsistOf("SchedPatch " + ledgerPatch))
		Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(kept), kept)).To(Succeed())
	}, SpecTimeout(framework.SpecPatience))

	It("leaves a working cluster when the operator goes before the workloads", func(ctx SpecContext) {
		before := framework.Identities(ledgerPods(ctx))
		began := time.Now()
		f.remove(ctx, operatorKustomization)
		figure("removal of the operator", "%.1f s", time.Since(began).Seconds())

		Expect(webhookConfigurations(ctx)).To(BeEmpty())
		expectDefinitions(ctx)
		Expect(framework.Identities(ledgerPods(ctx))).To(Equal(before))
		creation := cluster.CreatePod(ctx, framework.UnscheduledPod(production, "after-uninstall", "app"))
		Expect(creation.Err).NotTo(HaveOccurred(), "creation of a Pod in a namespace that enforced injection")

		By("removing the workloads, with nobody there to answer for their kinds")
		f.remove(ctx, platformKustomization, shopKustomization)
		Eventually(ctx, func() error {
			return cluster.Client.Get(ctx, client.ObjectKey{Name: production}, &corev1.Namespace{})
		}).Should(MatchError(ContainSubstring("not found")))
		_, err := cluster.GetSidecarSet(ctx, gatewaySet)
		Expect(err).To(MatchError(ContainSubstring("not found")))
		expectDefinitions(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("installs the chart over the definitions that stayed, and removes it again", func(ctx SpecContext) {
		began := time.Now()
		f.apply(ctx, operatorFile)
		f.await(ctx, operatorKustomization)
		figure("the operator ready over kept definitions", "%.1f s", time.Since(began).Seconds())
		f.remove(ctx, operatorKustomization)
		Expect(webhookConfigurations(ctx)).To(BeEmpty())
		expectDefinitions(ctx)
	}, SpecTimeout(framework.SpecPatience))
})

// releasePods are the Pods of the operator and the webhook, all of them ready.
func releasePods(ctx SpecContext) (pods []corev1.Pod) {
	GinkgoHelper()
	for _, component := range []string{"operator", "webhook"} {
		found, err := cluster.ReadyReleasePods(ctx, component, 2)
		Expect(err).NotTo(HaveOccurred())
		pods = append(pods, found...)
	}
	return pods
}
