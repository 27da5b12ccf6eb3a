// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("The rollout of an Advanced StatefulSet", func() {
	It("goes from the highest ordinal down, and rests at the partition", func(ctx SpecContext) {
		s, before := startStateful(ctx, 4)
		_, stop := s.record(ctx)

		s.change(ctx, withPartition(2), withImage(framework.AppImageV2))
		resting := s.awaitResting(ctx, v1beta1.ReasonPartitionReached)
		Expect(images(resting, framework.AppContainer)).To(Equal([]string{
			framework.AppImage, framework.AppImage, framework.AppImageV2, framework.AppImageV2}))
		expectUntouched(before[:2], resting[:2])

		s.change(ctx, withPartition(0))
		Expect(images(s.awaitDone(ctx), framework.AppContainer)).To(HaveEach(framework.AppImageV2))
		changes := stop()
		Expect(namesOfChanges(framework.Updates(changes))).To(Equal([]string{"app-3", "app-2", "app-1", "app-0"}))
		Expect(framework.MostDown(changes, s.podNames(4)...)).To(Equal(1), "Pods down at the same time")
		set := s.get(ctx)
		Expect(set.Status.CurrentRevision).To(Equal(set.Status.UpdateRevision))
		Expect(set.Status.UpdatedReadyReplicas).To(Equal(int32(4)))
	}, SpecTimeout(framework.SpecPatience))

	It("keeps to maxUnavailable with OrderedReady too", func(ctx SpecContext) {
		s, _ := startStateful(ctx, 5, withMaxUnavailable(2))
		_, stop := s.record(ctx)

		began := time.Now()
		s.change(ctx, withImage(framework.AppImageV2), readyAfter("1s"))
		Expect(images(s.awaitDone(ctx), framework.AppContainer)).To(HaveEach(framework.AppImageV2))
		figure("maxUnavailable 2", "5 Pods that take a second each to be ready, recreated in %.1f s", time.Since(began).Seconds())

		changes := stop()
		Expect(framework.MostDown(changes, s.podNames(5)...)).To(Equal(2), "Pods down at the same time")
		Expect(namesOfChanges(framework.Updates(changes))).To(HaveLen(5), "Pods deleted")
	}, SpecTimeout(framework.SpecPatience))

	It("stops at a pause, scales meanwhile, and goes on to its end", func(ctx SpecContext) {
		s, _ := startStateful(ctx, 6, withMaxUnavailable(2))
		history, stop := s.record(ctx)
		s.change(ctx, withImage(framework.AppImageV2), readyAfter("4s"))
		Eventually(ctx, func() int { return len(framework.Updates(history.Changes())) }).Should(BeNumerically(">=", 2), "Pods begun before the pause")

		s.change(ctx, pausedIs(true))
		paused := time.Now()
		Eventually(ctx, func() bool {
			set := s.get(ctx)
			return set.Status.ObservedGeneration == set.Generation
		}).Should(BeTrue(), "the operator has seen the pause")
		seen := time.Now()
		resting := s.awaitResting(ctx, v1beta1.ReasonPaused)
		begun := framework.Updates(history.Changes())
		figure("pause", "Pods begun: %d before it, %d after it; the operator has said after %.1f s that it has seen it",
			len(begun)-len(begunAfter(begun, paused)), len(begunAfter(begun, paused)), seen.Sub(paused).Seconds())
		Expect(namesOfChanges(begunAfter(begun, seen))).To(BeEmpty(), "Pods begun after the operator has seen the pause")
		Expect(len(begun)).To(BeNumerically("<", 6), "the pause came in mid-rollout")

		By("scaling up and down while it is paused")
		s.change(ctx, withReplicas(8))
		expectUntouched(resting, s.awaitResting(ctx, v1beta1.ReasonPaused)[:6])
		s.change(ctx, withReplicas(7))
		scaled := s.awaitResting(ctx, v1beta1.ReasonPaused)
		Expect(namesOfPods(scaled)).To(Equal(s.podNames(7)))
		expectUntouched(resting, scaled[:6])
		Expect(images(scaled, framework.AppContainer)).To(ContainElement(framework.AppImage), "images while paused")

		s.change(ctx, pausedIs(false))
		Expect(images(s.awaitDone(ctx), framework.AppContainer)).To(HaveEach(framework.AppImageV2))
		changes := stop()
		Expect(framework.MostDown(changes, s.podNames(6)...)).To(BeNumerically("<=", 2), "Pods down at the same time")
	}, SpecTimeout(framework.SpecPatience))

	It("follows priorities with Parallel and unorderedUpdate, and deletes the Pods that carry the label for it", func(ctx SpecContext) {
		s, before := startStateful(ctx, 3, parallel, strategy(func(r *v1beta1.RollingUpdateStatefulSetStrategy) {
			r.UnorderedUpdate = &v1beta1.UnorderedUpdateStrategy{PriorityStrategy: &v1beta1.UpdatePriorityStrategy{
				OrderPriority: []v1beta1.UpdatePriorityOrderTerm{{OrderedKey: "rank"}},
			}}
		}))
		for ordinal, rank := range []string{"2", "3", "1"} {
			s.patchPod(ctx, ordinal, `{"metadata":{"labels":{"rank":"`+rank+`"}}}`)
		}
		_, stop := s.record(ctx)
		s.change(ctx, withImage(framework.AppImageV2))
		updated := s.awaitDone(ctx)
		Expect(uids(updated)).NotTo(ContainElements(before[0].UID, before[1].UID, before[2].UID))
		Expect(namesOfChanges(framework.Updates(stop()))).To(Equal([]string{"app-1", "app-0", "app-2"}), "the highest rank first")

		s.patchPod(ctx, 1, `{"metadata":{"labels":{"`+v1beta1.SpecifiedDeleteLabel+`":"true"}}}`)
		s.awaitReplaced(ctx, &updated[1])
		after := s.awaitDone(ctx)
		expectUntouched([]corev1.Pod{updated[0], updated[2]}, []corev1.Pod{after[0], after[2]})
	}, SpecTimeout(framework.SpecPatience))
})

// begunAfter are the changes seen after a moment.
func begunAfter(changes []framework.PodChange, moment time.Time) []framework.PodChange {
	return slices.DeleteFunc(slices.Clone(changes), func(c framework.PodChange) bool { return !c.At.After(moment) })
}
