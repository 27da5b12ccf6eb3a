// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
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
	// gapPods are rolled with each policy, so many at a time. Where nobody pulls ahead, the first ones of each node pay for
	// the pull: gapAtOnce of gapPods are more than the twentieth that a p95 leaves out.
	gapPods, gapAtOnce = 20, 4
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

		for _, policy := range []v1beta1.ImagePreDownloadPolicy{v1beta1.ImagePreDownloadOff, v1beta1.ImagePreDownloadEveryNode} {
			By("rolling with " + string(policy))
			image := unpulled(r.namespace) + "-" + strings.ToLower(string(policy))
			// All other layers are on the nodes, as Pods run them.
			layer := int(slowPull.Seconds()) * framework.TrickleBytesPerSecond
			Expect(cluster.PushVariant(ctx, framework.SidecarImage, image, framework.Variant{Bytes: layer})).To(Succeed())
			history, err := cluster.RecordPods(ctx, r.namespace, nil)
			Expect(err).NotTo(HaveOccurred())

			r.change(ctx, func(set *v1beta1.SidecarSet) {
				set.Spec.UpdateStrategy.ImagePreDownload = &v1beta1.SidecarSetImagePreDownload{Policy: policy}
				set.Spec.Containers[0].Image = image
			})
			awaitCondition(ctx, r.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
			changes, err := history.Stop()
			Expect(err).NotTo(HaveOccurred())
			expectHolding(r.pods(ctx), image)

			gaps := notServing(changes)
			Expect(gaps).To(HaveLen(gapPods), "Pods that restarted")
			spans := slices.Collect(maps.Values(gaps))
			figure(string(policy), "%d restarts, each Pod not Ready for %.1f s (p50), %.1f s (p95), %.1f s (the longest)", len(spans),
				framework.Percentile(spans, 50).Seconds(), framework.Percentile(spans, 95).Seconds(), framework.Percentile(spans, 100).Seconds())
			if policy == v1beta1.ImagePreDownloadEveryNode {
				Expect(downUnpulled(changes, image)).To(BeEmpty(), "Pods that ceased to serve before their node had pulled")
			} else {
				Expect(framework.Percentile(spans, 95)).To(BeNumerically(">=", slowPull), "p95 with Off has the pull in it")
			}
		}
	}, SpecTimeout(framework.SpecPatience))
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
