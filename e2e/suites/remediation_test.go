package suites_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("Auto remediation", Serial, func() {
	It("moves the Pod that its node keeps from starting, once, and lets Pods back when the exclusion is over", func(ctx SpecContext) {
		bad, good := twoNodes(ctx)
		s := createStateful(ctx, 3, withRemediation, withSpread)
		_, stop := s.record(ctx)

		By("converging on the other node")
		s.awaitWaitingOn(ctx, bad)
		Eventually(ctx, func() error {
			_, err := cluster.ReadyPods(ctx, s.key.Namespace, s.labels, 3)
			return err
		}).WithTimeout(remedyTimeout).Should(Succeed())
		for _, pod := range s.pods(ctx) {
			Expect(pod.Spec.NodeName).To(Equal(good), pod.Name)
		}
		Expect(s.remedy(ctx)()).To(Equal("True NodeExcluded"))
		patch := s.patch(ctx)
		Expect(patch).NotTo(BeNil(), "the SchedPatch")
		figure("Remediating", "%s", s.remedyMessage(ctx))
		figure("expires", "%s", patch.Spec.ExpiresAt)
		Expect(patch.Spec.ExpiresAt.Time).To(BeTemporally("~", patch.CreationTimestamp.Add(120*time.Second), 10*time.Second))
		changes := stop()
		Expect(made(changes)-3).To(Equal(1), "Pods deleted")
		expectNoneStarted(changes)
		Expect(s.events(ctx)).To(ContainElement(ContainSubstring("StuckPodDeleted")))

		By("letting Pods back")
		Expect(cluster.FixRegistry(ctx, bad)).To(Succeed())
		Eventually(ctx, s.remedy(ctx)).WithTimeout(remedyTimeout).Should(BeEmpty())
		s.replacePod(ctx, 0)
		s.awaitDone(ctx)
		Expect(s.pod(ctx, 0).Spec.NodeName).To(Equal(bad))
		Expect(s.patch(ctx)).NotTo(BeNil(), "the record of the exclusion, which outlasts it")
	}, SpecTimeout(8*time.Minute))

	It("leaves Pods alone where another node would not help, or is none", func(ctx SpecContext) {
		bad, good := twoNodes(ctx)
		pinned := newNamespace(ctx, nil)
		storageOn(ctx, pinned, bad)

		single := createStateful(ctx, 1, withRemediation, onNode(bad))
		crashing := createStateful(ctx, 2, withRemediation, onNode(good), withArgs("exit", "1"))
		storage := createStatefulIn(ctx, pinned, 1, withRemediation, withClaim("data", pinned, "1Gi"))
		paused := createStateful(ctx, 1, withRemediation, onNode(bad), func(set *v1beta1.StatefulSet) {
			set.Spec.UpdateStrategy.RollingUpdate = &v1beta1.RollingUpdateStatefulSetStrategy{Paused: true}
		})
		before := map[*stateful]map[string]any{}
		for _, s := range []*stateful{single, crashing, storage, paused} {
			Eventually(ctx, func() int { return len(s.pods(ctx)) }).Should(BeNumerically(">=", 1))
			before[s] = map[string]any{}
			for name, uid := range uids(s.pods(ctx)) {
				before[s][name] = uid
			}
		}
		Eventually(ctx, single.remedy(ctx)).WithTimeout(remedyTimeout).Should(Equal("False TooFewNodes"))
		Eventually(ctx, storage.remedy(ctx)).WithTimeout(remedyTimeout).Should(Equal("False StoragePinned"))
		Eventually(ctx, paused.remedy(ctx)).WithTimeout(remedyTimeout).Should(Equal("False Paused"))
		Expect(crashing.remedy(ctx)()).To(BeEmpty())
		for s, was := range before {
			figure("Remediating", "%s", s.remedyMessage(ctx))
			for name, uid := range was {
				Expect(uids(s.pods(ctx))).To(HaveKeyWithValue(name, uid), "Pod %s of namespace %s", name, s.key.Namespace)
			}
			Expect(s.patch(ctx)).To(BeNil())
		}
	}, SpecTimeout(5*time.Minute))

	It("says that no node is at fault when the image is missing everywhere", func(ctx SpecContext) {
		twoWellNodes(ctx)
		s := createStateful(ctx, 1, withRemediation, withImage(missingAppImage))
		_, stop := s.record(ctx)
		began := time.Now()
		Eventually(ctx, s.remedy(ctx)).WithTimeout(2*stuckSeconds*time.Second + remedyTimeout).Should(Equal("False AllNodesFailing"))
		took := time.Since(began)
		figure("AllNodesFailing", "after %.1f s, twice stuckSeconds being %d s; %s", took.Seconds(), 2*stuckSeconds, s.remedyMessage(ctx))
		Expect(took).To(BeNumerically("<", (2*stuckSeconds+20)*time.Second))
		s.awaitCondition(ctx, v1beta1.ConditionProgressing, metav1.ConditionFalse, v1beta1.ReasonAllNodesFailing)
		s.awaitCondition(ctx, v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonAllNodesFailing)
		Expect(made(stop())-1).To(BeNumerically("<=", 1), "Pods deleted")
		s.expectFixed(ctx, "right tag", withImage(framework.AppImage))
	}, SpecTimeout(6*time.Minute))

	It("deletes the Pod once, also when the operator ends between the exclusion and that", func(ctx SpecContext) {
		bad, good := twoNodes(ctx)
		s := createStateful(ctx, 2, withRemediation, withSpread)
		refuseDeletions(ctx, s.key.Namespace)
		_, stop := s.record(ctx)

		By("recording the exclusion, and not getting any further")
		Eventually(ctx, func() bool { return s.patch(ctx) != nil }).WithTimeout(remedyTimeout).Should(BeTrue())
		for _, pod := range mustReleasePods(ctx, "operator") {
			Expect(cluster.Client.Delete(ctx, &pod, client.GracePeriodSeconds(0))).To(Succeed())
		}
		Eventually(ctx, func() error {
			_, err := cluster.ReadyReleasePods(ctx, "operator", replicas)
			return err
		}).Should(Succeed())
		allowDeletions(ctx, s.key.Namespace)

		By("going on where the other one stopped")
		Eventually(ctx, func() error {
			_, err := cluster.ReadyPods(ctx, s.key.Namespace, s.labels, 2)
			return err
		}).WithTimeout(remedyTimeout).Should(Succeed())
		for _, pod := range s.pods(ctx) {
			Expect(pod.Spec.NodeName).To(Equal(good), "Pod %s, which node %s kept from starting", pod.Name, bad)
		}
		changes := stop()
		Expect(made(changes)-2).To(Equal(1), "Pods deleted")
		expectNoneStarted(changes)
	}, SpecTimeout(6*time.Minute))

	It("deletes nothing while no webhook would keep the Pod from its node", func(ctx SpecContext) {
		bad, _ := twoNodes(ctx)
		namespace := newNamespace(ctx, nil)
		set := createSet(ctx, framework.SidecarSet(namespace, namespace, "app"))
		s := createStateful(ctx, 2, withRemediation, withSpread)
		stuck := s.awaitWaitingOn(ctx, bad)
		awaitInjection(ctx, namespace, set.Name)
		killWebhooks(ctx, namespace, set.Name, podWebhookTimeout(ctx)+outageSlack)
		Eventually(ctx, s.remedy(ctx)).WithTimeout(remedyTimeout).Should(Equal("False CannotExclude"))
		figure("Remediating", "%s", s.remedyMessage(ctx))
		Expect(s.pod(ctx, ordinalOf(stuck.Name)).UID).To(Equal(stuck.UID))

		bringBack(ctx, namespace, set.Name)
		Eventually(ctx, func() error {
			_, err := cluster.ReadyPods(ctx, s.key.Namespace, s.labels, 2)
			return err
		}).WithTimeout(remedyTimeout).Should(Succeed())
	}, SpecTimeout(8*time.Minute))

	It("stops when a good part of the cluster is bad", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		limit := (usableNodes(ctx) + 30) / 5
		bad := max(9, limit+3) // of a cluster with many nodes beside these, 9 are no storm
		badNodes(ctx, namespace, bad)
		simulatedNodes(ctx, namespace, 30-bad)
		s := createStatefulIn(ctx, namespace, 30, withRemediation, withSpread, inPool, func(set *v1beta1.StatefulSet) {
			set.Spec.AutoRemediation.ExclusionSeconds = 3600
			set.Spec.AutoRemediation.MaxExcludedNodes = ptr.To(intstr.FromString("50%"))
		})
		_, stop := s.record(ctx)
		Eventually(ctx, s.remedy(ctx)).WithTimeout(8 * time.Minute).Should(Equal("False StormActive"))
		figure("Remediating", "%s", s.remedyMessage(ctx))
		Consistently(ctx, s.remedy(ctx)).WithTimeout(20 * time.Second).Should(Equal("False StormActive"))
		changes := stop()
		figure("deleted", "%d Pods, with %d nodes in the cluster", made(changes)-30, usableNodes(ctx))
		Expect(made(changes)-30).To(BeNumerically("<=", limit), "Pods deleted")
		expectNoneStarted(changes)
	}, SpecTimeout(12*time.Minute))
})
