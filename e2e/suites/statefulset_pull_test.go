// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("An Advanced StatefulSet whose nodes pull before its Pods change in place", Label("pulls"), func() {
	It("restarts nothing with a wrong tag, and with a right one asks one node until a Pod is updated, and then each", func(ctx SpecContext) {
		if options.Registry == "" {
			Skip("-registry is not set: an image that no node has cannot be pushed")
		}
		s, before := startStateful(ctx, 4, inPlaceIfPossible, func(set *v1beta1.StatefulSet) {
			set.Annotations = map[string]string{v1beta1.ImagePreDownloadParallelismAnnotation: "1"}
			set.Spec.UpdateStrategy.RollingUpdate.InPlaceUpdateStrategy = &v1beta1.InPlaceUpdateStrategy{
				ImagePreDownloadMinUpdatedReadyPods: ptr.To(intstr.FromInt32(1)),
			}
			spread := framework.Deployment(set.Namespace, set.Name, 1).Spec.Template.Spec
			set.Spec.Template.Spec.TopologySpreadConstraints = spread.TopologySpreadConstraints
		})

		By("a tag that nobody has pushed")
		s.change(ctx, withImage(missingAppImage))
		Eventually(ctx, func() error {
			return cluster.StatefulSetHas(ctx, s.key, v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonImageUnavailable)
		}).Should(Succeed())
		figure("conditions", "%s", s.messages(ctx))
		Expect(s.messages(ctx)).To(And(ContainSubstring(missingAppImage), ContainSubstring("not found")))
		expectSameProcesses(before, s.pods(ctx))

		By("one that is there")
		image := "ghcr.io/windlass-operator/testapp:" + s.key.Namespace
		Expect(cluster.PushVariant(ctx, framework.AppImageV2, image, framework.Variant{})).To(Succeed())
		history, err := cluster.RecordPods(ctx, s.key.Namespace, nil)
		Expect(err).NotTo(HaveOccurred())
		s.change(ctx, withImage(image))
		after := s.awaitDone(ctx)
		changes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		expectRestarted(before, after, framework.AppContainer)
		Expect(downUnpulled(changes, image)).To(BeEmpty(), "Pods that ceased to serve before their node had pulled")

		made, first := pullersMade(changes, image), framework.Gaps(changes)[0]
		figure("pullers", "%d, the first for Pod %s", len(made), first.Pod)
		Expect(made).To(HaveLen(2), "pullers, one on each node")
		Expect(made[0].Before(first.From)).To(BeTrue(), "the first pull came before the first restart")
		Expect(made[1].After(first.To)).To(BeTrue(), "the second one when a Pod was updated and ready")
	}, SpecTimeout(framework.SpecPatience))
})

// pullersMade is when the pullers for an image were created, in order.
func pullersMade(changes []framework.PodChange, image string) (out []time.Time) {
	for i := range changes {
		if c := &changes[i]; c.Before == nil && isPuller(c.After) && c.After.Annotations[v1beta1.PulledImageAnnotation] == image {
			out = append(out, c.At)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}
