// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// slowPull is how long the layer of a slow pull takes to come.
	slowPull = 10 * time.Second
	// gapPods are rolled gapRounds times with each policy, so many at a time. Where nobody pulls ahead, the first ones of
	// each node pay for the pull in each round: gapAtOnce of gapPods are more than the twentieth that a p95 leaves out.
	gapPods, gapAtOnce, gapRounds = 20, 4, 2
)

// What takes minutes, since nodes get images slowly or not at all, is labelled pulls.
var _ = Describe("A pull of ten seconds", Label("pulls"), func() {
	It("falls into the time for which Pods do not serve with Off, and before it with EveryNode", func(ctx SpecContext) {
		if !cluster.CanBreakNodes() {
			Skip("-cluster is not set: no node can be made to pull slowly")
		}
		r := startRollout(ctx, gapPods, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(gapAtOnce))
		})
		nodes, err := cluster.Nodes(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, node := range nodes {
			Expect(cluster.SlowRegistry(ctx, node)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(cluster.FixRegistry(ctx, node)).To(Succeed()) })
		}

		gaps := map[v1beta1.ImagePreDownloadPolicy][]time.Duration{}
		for round := range gapRounds {
			for _, policy := range []v1beta1.ImagePreDownloadPolicy{v1beta1.ImagePreDownloadOff, v1beta1.ImagePreDownloadEveryNode} {
				By(fmt.Sprintf("rolling with %s, round %d", policy, round+1))
				image := fmt.Sprintf("%s-%s-%d", unpulled(r.namespace), strings.ToLower(string(policy)), round)
				// All other layers are on the nodes, as Pods run them.
				layer := int(slowPull.Seconds()) * framework.TrickleBytesPerSecond
				Expect(cluster.PushVariant(ctx, framework.SidecarImage, image, framework.Variant{Bytes: layer})).To(Succeed())
				history, err := cluster.RecordPods(ctx, r.namespace, nil)
				Expect(err).NotTo(HaveOccurred())

				r.change(ctx, func(set *v1beta1.SidecarSet) {
					set.Spec.UpdateStrategy.ImagePreDownload = &v1beta1.SidecarSetImagePreDownload{Policy: policy}
					set.Spec.Containers[0].Image = image
				})
				Eventually(ctx, func() error {
					return cluster.HasCondition(ctx, r.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
				}).WithTimeout(4 * time.Minute).Should(Succeed())
				changes, err := history.Stop()
				Expect(err).NotTo(HaveOccurred())
				expectHolding(r.pods(ctx), image)

				spans := notServing(changes)
				Expect(spans).To(HaveLen(gapPods), "Pods that restarted")
				gaps[policy] = append(gaps[policy], slices.Collect(maps.Values(spans))...)
				if policy == v1beta1.ImagePreDownloadEveryNode {
					Expect(downUnpulled(changes, image)).To(BeEmpty(), "Pods that ceased to serve before their node had pulled")
				}
			}
		}
		for policy, spans := range gaps {
			figure(string(policy), "%d restarts, each Pod not Ready for %.1f s (p50), %.1f s (p95), %.1f s (the longest)", len(spans),
				framework.Percentile(spans, 50).Seconds(), framework.Percentile(spans, 95).Seconds(), framework.Percentile(spans, 100).Seconds())
		}
		off := framework.Percentile(gaps[v1beta1.ImagePreDownloadOff], 95)
		every := framework.Percentile(gaps[v1beta1.ImagePreDownloadEveryNode], 95)
		Expect(off).To(BeNumerically(">=", slowPull), "p95 with Off has the pull in it")
		Expect(every).To(BeNumerically("<", off/3), "p95 with EveryNode has not")
	}, SpecTimeout(12*time.Minute))
})

// notServing is for how long in all each Pod that had served did not, by name.
func notServing(changes []framework.PodChange) map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, gap := range framework.Gaps(changes) {
		out[gap.Pod] += gap.Took()
	}
	return out
}

// downUnpulled names the Pods that ceased to serve before a puller of their node had shown that it has the image.
func downUnpulled(changes []framework.PodChange, image string) (out []string) {
	pulled := sets.New[string]()
	for i := range changes {
		c := &changes[i]
		switch {
		case c.After == nil:
		case isPuller(c.After):
			if c.After.Annotations[v1beta1.PulledImageAnnotation] == image && showsImage(c.After) {
				pulled.Insert(c.After.Spec.NodeName)
			}
		case c.Before != nil && framework.IsReady(c.Before) && !framework.IsReady(c.After) && !pulled.Has(c.After.Spec.NodeName):
			out = append(out, c.After.Name)
		}
	}
	return out
}

// showsImage reports whether the one container of a puller says that its node has the image.
func showsImage(puller *corev1.Pod) bool {
	return slices.ContainsFunc(puller.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.ImageID != "" })
}
