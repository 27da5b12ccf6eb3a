// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// The sets below wait beside each other: a Pod has to be stuck for a minute before anything is said of it. None of
// them, other than the one that meets a storm, may lose a Pod.
var _ = Describe("Auto remediation, where another node would not help, or is none", Ordered, Serial, Label("remediation"), func() {
	var storm *stormy
	var single, storage, paused, crashing, slow *recorded

	BeforeAll(func(ctx SpecContext) {
		bad, other := twoNodes(ctx)
		storm = startStorm(ctx)
		pinned := newNamespace(ctx, nil)
		storageOn(ctx, pinned, bad)
		single = startRecorded(ctx, newNamespace(ctx, nil), 1, withRemediation, onNode(bad))
		storage = startRecorded(ctx, pinned, 1, withRemediation, withClaim("data", pinned, "1Gi"))
		paused = startRecorded(ctx, newNamespace(ctx, nil), 1, withRemediation, onNode(bad), pausedIs(true))
		crashing = startRecorded(ctx, newNamespace(ctx, nil), 1, withRemediation, onNode(other), withPullPolicy(corev1.PullIfNotPresent), withArgs("exit", "1"))
		crashing.awaitWaiting(ctx, 0, "CrashLoopBackOff")
		slow = startSlowPull(ctx, other)
	}, NodeTimeout(framework.SpecPatience))

	It("says TooFewNodes of a Pod that may run on one node alone", func(ctx SpecContext) {
		single.expectLeft(ctx, "False TooFewNodes")
	}, SpecTimeout(framework.SpecPatience))

	It("says StoragePinned of a Pod whose volume is on the node", func(ctx SpecContext) {
		storage.expectLeft(ctx, "False StoragePinned")
	}, SpecTimeout(framework.SpecPatience))

	It("says Paused while the set is paused", func(ctx SpecContext) {
		paused.expectLeft(ctx, "False Paused")
	}, SpecTimeout(framework.SpecPatience))

	It("calls it a storm when 30 % of the nodes are bad, and stops", func(ctx SpecContext) {
		storm.expectStopped(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("says nothing of a Pod that crashes, however long", func(ctx SpecContext) {
		crashing.expectIgnored(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("says nothing of a Pod whose image trickles, however long", func(ctx SpecContext) {
		slow.expectIgnored(ctx)
		waiting := framework.ContainerStatus(slow.pod(ctx, 0), framework.AppContainer).State.Waiting
		Expect(waiting).To(HaveField("Reason", "ContainerCreating"))
		slow.awaitCondition(ctx, v1beta1.ConditionReconciling, metav1.ConditionTrue, v1beta1.ReasonPodsNotReady)
		slow.awaitCondition(ctx, v1beta1.ConditionReady, metav1.ConditionFalse, v1beta1.ReasonPodsNotReady)
		figure("conditions", "%s", slow.messages(ctx))
	}, SpecTimeout(framework.SpecPatience))
})

// expectLeft waits for what the set says of its stuck Pod, and holds that none was deleted, and no node excluded.
func (r *recorded) expectLeft(ctx context.Context, says string) {
	GinkgoHelper()
	Eventually(ctx, r.remedy(ctx)).Should(Equal(says))
	figure("Remediating", "%s", r.remedyMessage(ctx))
	r.expectWhole(ctx)
}

// expectIgnored holds that twice as long as a Pod may be stuck nothing was said of one and none was deleted.
func (r *recorded) expectIgnored(ctx context.Context) {
	GinkgoHelper()
	pass(ctx, time.Until(r.since.Add(2*stuckSeconds*time.Second)))
	Expect(framework.Statuses(r.conditions.Changes())).NotTo(HaveKey(v1beta1.ConditionRemediating))
	Expect(r.remedy(ctx)()).To(BeEmpty())
	r.expectWhole(ctx)
}

func (r *recorded) expectWhole(ctx context.Context) {
	GinkgoHelper()
	Expect(made(r.history.Changes())).To(Equal(1), "Pods that ever were")
	Expect(r.patch(ctx)).To(BeNil())
}

// startSlowPull makes a set whose image is on its way to a node, and will be for hours.
func startSlowPull(ctx context.Context, node string) *recorded {
	GinkgoHelper()
	DeferCleanup(func(ctx SpecContext) { Expect(cluster.FixRegistry(ctx, node)).To(Succeed()) })
	namespace := newNamespace(ctx, nil)
	image := "ghcr.io/windlass-operator/large:" + namespace
	Expect(cluster.PushWebhook(ctx, image)).To(Succeed())
	Expect(cluster.SlowRegistry(ctx, node)).To(Succeed())
	return startRecorded(ctx, namespace, 1, withRemediation, onNode(node), withImage(image))
}

// stormy is a set of 30 Pods, one on each of 30 simulated nodes of which so many are bad.
type stormy struct {
	*recorded

	bad, limit int
}

func startStorm(ctx context.Context) *stormy {
	GinkgoHelper()
	const nodes = 30
	namespace := newNamespace(ctx, nil)
	storm := &stormy{limit: (usableNodes(ctx) + nodes) / 5}
	storm.bad = max(nodes*3/10, storm.limit+3) // beside many other nodes, 9 would be no storm
	badNodes(ctx, namespace, storm.bad)
	simulatedNodes(ctx, namespace, nodes-storm.bad)
	storm.recorded = startRecorded(ctx, namespace, nodes, withRemediation, withSpread, inPool, func(set *v1beta1.StatefulSet) {
		set.Spec.AutoRemediation.ExclusionSeconds = 3600
		set.Spec.AutoRemediation.MaxExcludedNodes = ptr.To(intstr.FromString("50%"))
	})
	return storm
}

// expectStopped holds that as many Pods were deleted as there may be nodes excluded, and then none, and that none of
// them had started.
func (s *stormy) expectStopped(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, s.remedy(ctx)).Should(Equal("False StormActive"))
	figure("Remediating", "%s", s.remedyMessage(ctx))
	Consistently(ctx, s.remedy(ctx)).WithTimeout(20 * time.Second).Should(Equal("False StormActive"))
	changes := s.history.Changes()
	figure("deleted", "%d Pods; %d of %d nodes are bad", made(changes)-30, s.bad, usableNodes(ctx))
	Expect(made(changes)-30).To(Equal(s.limit), "Pods deleted")
	expectNoneStarted(changes)
	Expect(s.get(ctx).Status.ReadyReplicas).To(BeEquivalentTo(30-(s.bad-s.limit)), "Pods that serve")
}
