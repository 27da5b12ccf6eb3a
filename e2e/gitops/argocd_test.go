// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"flag"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
	"github.com/windlass-operator/windlass/e2e/internal/gitserver"
)

// argoQuiet is how long Argo CD and our programs must leave each other's fields alone.
var argoQuiet time.Duration

func init() {
	flag.DurationVar(&argoQuiet, "argocd-quiet", time.Minute, "how long nothing may be written while nothing changes in Git")
}

// Files of the examples that are Argo CD's.
const (
	chartApplicationFile    = "examples/argocd/application-windlass.yaml"
	workloadApplicationFile = "examples/argocd/application-workloads.yaml"
	projectFile             = "examples/argocd/appproject.yaml"
)

var _ = Describe("Argo CD", Ordered, Serial, Label("argocd"), func() {
	var argo *argoSuite

	BeforeAll(func(ctx SpecContext) {
		emptyCluster(ctx)
		DeferCleanup(func(ctx SpecContext) { emptyCluster(ctx) }, NodeTimeout(framework.SpecPatience))
		argo = startArgoCD(ctx)
		argo.apply(ctx, projectFile)
	}, NodeTimeout(framework.SpecPatience)) // the first time anywhere, Argo CD is built

	AfterEach(func(ctx SpecContext) {
		if CurrentSpecReport().Failed() {
			argo.dump(ctx)
		}
	})

	It("syncs the workloads and the chart into an empty cluster, even when the workloads come first", func(ctx SpecContext) {
		began := time.Now()
		argo.apply(ctx, workloadApplicationFile)
		By("letting the workloads meet a cluster that does not know their kinds")
		Eventually(ctx, func(g Gomega) {
			status, err := argo.applications.Get(ctx, workloadApplication)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(status.OperationState.StartedAt).NotTo(BeZero(), "attempt to sync")
		}).Should(Succeed())
		argo.apply(ctx, chartApplicationFile)
		argo.awaitHealthy(ctx, chartApplication, workloadApplication)
		figure("both Applications Synced and Healthy, workloads first", "%.1f s", time.Since(began).Seconds())

		for _, pod := range ledgerPods(ctx) {
			Expect(framework.Container(&pod, gatewayContainer)).NotTo(BeNil(), "sidecar of Pod %s", pod.Name)
		}
	}, SpecTimeout(framework.SpecPatience))

	It("leaves all objects alone while nothing changes in Git", func(ctx SpecContext) {
		history := recordWrites(ctx)
		chart, workloads := argo.record(ctx, chartApplication, syncAndOperation), argo.record(ctx, workloadApplication, syncAndOperation)
		time.Sleep(argoQuiet)
		writes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		Expect(describeAll(writes)).To(BeEmpty(), "writes in %s", argoQuiet)
		Expect(chart()).To(ConsistOf(HavePrefix("Synced")), "one state for all the time")
		Expect(workloads()).To(ConsistOf(HavePrefix("Synced")), "one state for all the time")
		argo.expectHealthy(ctx, chartApplication, workloadApplication)
		figure("writes to any object while nothing changes", "%d in %s", len(writes), argoQuiet)
	}, SpecTimeout(framework.SpecPatience))

	It("undoes what somebody changes by hand, and then rests", func(ctx SpecContext) {
		_, err := cluster.ChangeSidecarSet(ctx, gatewaySet, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.Paused = true })
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, func(g Gomega) {
			set, err := cluster.GetSidecarSet(ctx, gatewaySet)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(set.Spec.UpdateStrategy.Paused).To(BeFalse())
		}).Should(Succeed())
		argo.awaitHealthy(ctx, workloadApplication)
	})

	It("rolls a sidecar's new image in place, Progressing and then Healthy", func(ctx SpecContext) {
		before := framework.Identities(ledgerPods(ctx))
		began := time.Now()
		healths := argo.record(ctx, workloadApplication, healthStatus)
		argo.commit(ctx, "Upgrade the gateway", newTag(productionPlatform, "v1", "v2"))
		argo.awaitHealthy(ctx, workloadApplication)
		figure("a sidecar's image from commit to Healthy", "%.1f s", time.Since(began).Seconds())
		Expect(healths()).To(Equal([]string{"Healthy", "Progressing", "Healthy"}))

		expectImage(ctx, gatewayContainer, framework.SidecarImageV2)
		after := ledgerPods(ctx)
		Expect(framework.Identities(after)).To(Equal(before))
		for i := range after {
			Expect(framework.ContainerStatus(&after[i], gatewayContainer).RestartCount).To(BeEquivalentTo(1))
			Expect(framework.ContainerStatus(&after[i], ledgerContainer).RestartCount).To(BeZero())
		}
	}, SpecTimeout(framework.SpecPatience))

	It("stops a rollout under way when Git says paused, shows Suspended, and goes on when Git says so", func(ctx SpecContext) {
		before := framework.Identities(ledgerPods(ctx))
		argo.commit(ctx, "Upgrade the gateway again", newTag(productionPlatform, "v2", "v3"))
		argo.awaitSynced(ctx, workloadApplication)
		argo.commit(ctx, "Pause the gateway", pause(productionPlatform, "updateStrategy", true))
		argo.await(ctx, workloadApplication, "Suspended")
		Expect(argo.health(ctx, workloadApplication, "SidecarSet", gatewaySet)).To(Equal("Suspended"))

		By("pausing the workload too, and changing it meanwhile")
		argo.commit(ctx, "Pause the ledger, and upgrade it", pause(productionShop, "updateStrategy/rollingUpdate", true), newTag(productionShop, "v1", "v2"))
		argo.await(ctx, workloadApplication, "Suspended")
		Eventually(ctx, func() string { return argo.health(ctx, workloadApplication, "StatefulSet", ledger) }).Should(Equal("Suspended"))
		expectImage(ctx, ledgerContainer, framework.AppImage)

		By("resuming one after the other")
		argo.commit(ctx, "Resume the gateway", pause(productionPlatform, "updateStrategy", false))
		Eventually(ctx, func() string { return argo.health(ctx, workloadApplication, "SidecarSet", gatewaySet) }).Should(Equal("Healthy"))
		argo.commit(ctx, "Resume the ledger", pause(productionShop, "updateStrategy/rollingUpdate", false))
		argo.awaitHealthy(ctx, workloadApplication)
		expectImage(ctx, gatewayContainer, framework.SidecarImageV3)
		expectImage(ctx, ledgerContainer, framework.AppImageV2)
		Expect(framework.Identities(ledgerPods(ctx))).To(Equal(before))
	}, SpecTimeout(framework.SpecPatience))

	It("prunes what Git no longer has and nothing else", func(ctx SpecContext) {
		kept := createExclusion(ctx)
		history := recordWrites(ctx)
		argo.commit(ctx, "Leave spot nodes", gitserver.Replace(basePlatform, "  - schedpatch.yaml\n", ""))
		argo.awaitHealthy(ctx, workloadApplication)
		Eventually(ctx, func() error {
			return cluster.Client.Get(ctx, client.ObjectKey{Namespace: production, Name: ledgerPatch}, &v1alpha1.SchedPatch{})
		}).Should(MatchError(ContainSubstring("not found")))
		writes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		Expect(deleted(writes)).To(ConsistOf("SchedPatch " + ledgerPatch))
		Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(kept), kept)).To(Succeed())
	}, SpecTimeout(framework.SpecPatience))

	It("never prunes our definitions, even when the chart is told not to install them", func(ctx SpecContext) {
		history := recordWrites(ctx)
		argo.commit(ctx, "Leave the definitions to somebody else", gitserver.Replace(chartApplicationFile, "crds:\n", "crds:\n          install: false\n"))
		argo.apply(ctx, chartApplicationFile)
		Eventually(ctx, func() []string { return argo.objects(ctx, chartApplication, "CustomResourceDefinition") }).Should(BeEmpty())
		argo.awaitHealthy(ctx, chartApplication)

		argo.commit(ctx, "Install the definitions again", gitserver.Replace(chartApplicationFile, "          install: false\n", ""))
		argo.apply(ctx, chartApplicationFile)
		Eventually(ctx, func() []string { return argo.objects(ctx, chartApplication, "CustomResourceDefinition") }).Should(ConsistOf(definitions))
		argo.awaitHealthy(ctx, chartApplication, workloadApplication)
		writes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		Expect(deleted(writes)).To(BeEmpty())
	}, SpecTimeout(framework.SpecPatience))

	It("leaves a working cluster when the chart goes before the workloads", func(ctx SpecContext) {
		before := framework.Identities(ledgerPods(ctx))
		began := time.Now()
		argo.delete(ctx, chartApplication)
		figure("deletion of the chart's Application", "%.1f s", time.Since(began).Seconds())

		Expect(webhookConfigurations(ctx)).To(BeEmpty())
		expectDefinitions(ctx)
		Expect(framework.Identities(ledgerPods(ctx))).To(Equal(before))
		creation := cluster.CreatePod(ctx, framework.UnscheduledPod(production, "after-uninstall", "app"))
		Expect(creation.Err).NotTo(HaveOccurred(), "creation of a Pod in a namespace that enforced injection")

		By("removing the workloads, with nobody there to answer for their kinds")
		argo.delete(ctx, workloadApplication)
		Eventually(ctx, func() error {
			return cluster.Client.Get(ctx, client.ObjectKey{Name: production}, &corev1.Namespace{})
		}).Should(MatchError(ContainSubstring("not found")))
		_, err := cluster.GetSidecarSet(ctx, gatewaySet)
		Expect(err).To(MatchError(ContainSubstring("not found")))
		expectDefinitions(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("syncs both over the definitions that stayed, the chart first, and removes both again", func(ctx SpecContext) {
		began := time.Now()
		argo.apply(ctx, chartApplicationFile)
		argo.awaitHealthy(ctx, chartApplication)
		argo.apply(ctx, workloadApplicationFile)
		argo.awaitHealthy(ctx, chartApplication, workloadApplication)
		figure("both Applications Synced and Healthy, chart first", "%.1f s", time.Since(began).Seconds())
		argo.delete(ctx, workloadApplication)
		argo.delete(ctx, chartApplication)
		Expect(webhookConfigurations(ctx)).To(BeEmpty())
	}, SpecTimeout(framework.SpecPatience))
})
