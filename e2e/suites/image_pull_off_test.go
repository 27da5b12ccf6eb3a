// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// All other specs run with the chart's default, FirstNode. With Off rollouts are as they were, and as OpenKruise's are:
// nothing is asked before a Pod gets an image, so that a wrong one reaches as many Pods as may be down.
var _ = Describe("With the chart's operator.imagePreDownload Off", Ordered, Serial, func() {
	BeforeAll(func(ctx SpecContext) {
		_, err := release.Upgrade(ctx, map[string]any{"operator": map[string]any{"imagePreDownload": "Off"}})
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(framework.SpecPatience))

	AfterAll(func(ctx SpecContext) {
		_, err := release.Upgrade(ctx, nil)
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(framework.SpecPatience))

	It("a wrong image reaches a Pod of each set at once, a right one mends it, and no puller is made", func(ctx SpecContext) {
		r := startRollout(ctx, 2)
		s, before := startStateful(ctx, 2, inPlaceIfPossible)
		sidecars, err := cluster.RecordPods(ctx, r.namespace, nil)
		Expect(err).NotTo(HaveOccurred())
		stateful, err := cluster.RecordPods(ctx, s.key.Namespace, nil)
		Expect(err).NotTo(HaveOccurred())

		r.change(ctx, setImage(missingImage))
		s.change(ctx, withImage(missingAppImage))
		s.awaitWaiting(ctx, 1, "ErrImagePull", "ImagePullBackOff")
		Eventually(ctx, func() string { return conditionMessage(ctx, r.set, v1beta1.ConditionReady) }).Should(
			MatchRegexp("ErrImagePull|ImagePullBackOff"))
		Expect(holding(r.pods(ctx), missingImage)).To(HaveLen(1), "Pods with the bad image")

		r.change(ctx, setImage(framework.SidecarImageV2))
		s.expectFixed(ctx, "missing image, in place", withImage(framework.AppImageV2))
		Expect(framework.Identities(s.pods(ctx))).To(Equal(framework.Identities(before)))
		expectInPlace(r.before, r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarImageV2)
		for _, history := range []*framework.PodHistory{sidecars, stateful} {
			pullers, _ := pullersIn(history)
			Expect(pullers).To(BeZero(), "pullers")
		}
	}, SpecTimeout(framework.SpecPatience))
})
