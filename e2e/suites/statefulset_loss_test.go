// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("An Advanced StatefulSet that loses a Pod", func() {
	It("replaces one that has failed, and one that was evicted", func(ctx SpecContext) {
		s, before := startStateful(ctx, 2)

		By("a failed one: its kubelet ends it by its deadline")
		s.patchPod(ctx, 0, `{"spec":{"activeDeadlineSeconds":1}}`)
		s.awaitReplaced(ctx, &before[0])
		after := s.awaitDone(ctx)
		Expect(after[1].UID).To(Equal(before[1].UID))

		By("an evicted one")
		eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: s.key.Namespace, Name: s.podName(1)}}
		Expect(cluster.Client.SubResource("eviction").Create(ctx, &after[1], eviction)).To(Succeed())
		s.awaitReplaced(ctx, &after[1])
		Expect(s.awaitDone(ctx)[0].UID).To(Equal(after[0].UID))
	}, SpecTimeout(framework.SpecPatience))

	It("never runs a second one of the ordinal while the first may still run, until somebody deletes that by force", func(ctx SpecContext) {
		// Taking long to end, the Pod looks like one on a node that is lost: it is going, and nobody says that it is
		// gone.
		s, before := startStateful(ctx, 2, endsAfter("300s"))
		_, stop := s.record(ctx)
		Expect(cluster.Client.Delete(ctx, s.pod(ctx, 1))).To(Succeed())
		Eventually(ctx, s.seePod(ctx, 1)).Should(HaveField("DeletionTimestamp", Not(BeNil())))

		By("a rollout meanwhile waits for it")
		s.change(ctx, withImage(framework.AppImageV2))
		Eventually(ctx, func() string { return s.messages(ctx) }).Should(ContainSubstring(s.podName(1)), "a condition names the Pod")
		Expect(s.pod(ctx, 1).UID).To(Equal(before[1].UID))

		Expect(cluster.Client.Delete(ctx, s.pod(ctx, 1), client.GracePeriodSeconds(0))).To(Succeed())
		s.awaitReplaced(ctx, &before[1])
		gone := map[types.UID]bool{}
		for _, c := range stop() {
			if c.After == nil {
				gone[c.Before.UID] = true
			}
			if c.After != nil && c.Name() == s.podName(1) && c.After.UID != before[1].UID {
				Expect(gone).To(HaveKey(before[1].UID), "the first Pod was gone when its successor came")
			}
		}
		Expect(framework.Container(s.pod(ctx, 1), framework.AppContainer).Image).To(Equal(framework.AppImageV2))
		Expect(s.pod(ctx, 0).Status.Phase).To(Equal(corev1.PodRunning))
	}, SpecTimeout(framework.SpecPatience))
})
