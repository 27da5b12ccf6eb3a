// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("A selective rollout", func() {
	It("updates the Pods that updateStrategy.selector picks, and the others once it is gone", func(ctx SpecContext) {
		r := startRollout(ctx, 4)
		picked, others := r.before[:2], r.before[2:]
		for i := range picked {
			r.label(ctx, &picked[i], "ring", "first")
		}

		r.change(ctx, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"ring": "first"}}
			set.Spec.Containers[0].Image = framework.SidecarImageV2
		})

		after := r.awaitReady(ctx, v1beta1.ReasonPartitionReached)
		expectInPlace(picked, sameAs(after, picked), framework.SidecarImageV2)
		expectUntouched(others, sameAs(after, others))
		awaitCounters(ctx, r.set, counters{Matched: 4, Updated: 2, Ready: 4, UpdatedReady: 2})

		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.Selector = nil })
		expectInPlace(r.before, r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarImageV2)
	}, SpecTimeout(framework.SpecPatience))

	It("rests when half of the Pods are updated with partition 50 %, and goes on with partition 0", func(ctx SpecContext) {
		r := startRollout(ctx, 4)

		r.change(ctx, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.Partition = ptr.To(intstr.FromString("50%"))
			set.Spec.Containers[0].Image = framework.SidecarImageV2
		})

		after := r.awaitReady(ctx, v1beta1.ReasonPartitionReached)
		kept, updated := holding(after, framework.SidecarImage), holding(after, framework.SidecarImageV2)
		Expect(kept).To(HaveLen(2))
		expectUntouched(sameAs(r.before, kept), kept)
		expectInPlace(sameAs(r.before, updated), updated, framework.SidecarImageV2)
		awaitCounters(ctx, r.set, counters{Matched: 4, Updated: 2, Ready: 4, UpdatedReady: 2})

		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.Partition = ptr.To(intstr.FromInt32(0)) })
		expectInPlace(r.before, r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarImageV2)
	}, SpecTimeout(framework.SpecPatience))

	It("updates two Pods at a time, and never three, with maxUnavailable 2", func(ctx SpecContext) {
		r := startRollout(ctx, 6, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(2))
			set.Spec.Containers[0].Env[1].Value = "3s"
		})
		recorder, err := cluster.RecordUnready(ctx, r.namespace, r.deployment.Spec.Selector.MatchLabels)
		Expect(err).NotTo(HaveOccurred())
		began := time.Now()

		r.change(ctx, setImage(framework.SidecarImageV2))

		after := r.awaitReady(ctx, v1beta1.ReasonComplete)
		took := time.Since(began)
		most, history, err := recorder.Stop()
		Expect(err).NotTo(HaveOccurred())
		Expect(most).To(Equal(2), "Pods unready at once, with maxUnavailable 2:\n%s", strings.Join(history, "\n"))
		figure("6 Pods updated in place, two at a time", "%.1f s, at most %d unready at once", took.Seconds(), most)
		expectInPlace(r.before, after, framework.SidecarImageV2)
	}, SpecTimeout(framework.SpecPatience))

	It("takes Pods in the order of priorityStrategy", func(ctx SpecContext) {
		r := startRollout(ctx, 4)
		const shard = "shard"
		for i, value := range []string{"shard-2", "shard-10", "shard-1"} {
			r.label(ctx, &r.before[i], shard, value)
		}
		one, two, three, without := r.before[0].Name, r.before[1].Name, r.before[2].Name, r.before[3].Name

		By("the number at the end of a label, the Pod without the label last")
		Expect(r.orderOfUpdates(ctx, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.PriorityStrategy = &v1beta1.UpdatePriorityStrategy{OrderPriority: []v1beta1.UpdatePriorityOrderTerm{{OrderedKey: shard}}}
			set.Spec.Containers[0].Image = framework.SidecarImageV2
		})).To(Equal([]string{two, one, three, without}))

		By("the sum of weights")
		weigh := func(weight int32, values ...string) v1beta1.UpdatePriorityWeightTerm {
			return v1beta1.UpdatePriorityWeightTerm{Weight: weight, MatchSelector: metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: shard, Operator: metav1.LabelSelectorOpIn, Values: values},
			}}}
		}
		Expect(r.orderOfUpdates(ctx, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.PriorityStrategy = &v1beta1.UpdatePriorityStrategy{WeightPriority: []v1beta1.UpdatePriorityWeightTerm{
				weigh(20, "shard-2", "shard-1"), weigh(10, "shard-10"), weigh(5, "shard-1"),
			}}
			set.Spec.Containers[0].Image = framework.SidecarImageV3
		})).To(Equal([]string{three, one, two, without}))
	}, SpecTimeout(framework.SpecPatience))
})

// orderOfUpdates changes the SidecarSet's image and returns the names of the Pods in the order in which they got it.
func (r *rollout) orderOfUpdates(ctx context.Context, change func(*v1beta1.SidecarSet)) (order []string) {
	GinkgoHelper()
	images := map[types.UID]string{}
	for _, pod := range r.pods(ctx) {
		images[pod.UID] = framework.Container(&pod, framework.SidecarContainer).Image
	}
	stop := r.watchPods(ctx, func(pod *corev1.Pod, _ map[types.UID]*corev1.Pod) {
		if image := framework.Container(pod, framework.SidecarContainer).Image; image != images[pod.UID] {
			images[pod.UID] = image
			order = append(order, pod.Name)
		}
	})
	r.change(ctx, change)
	r.awaitReady(ctx, v1beta1.ReasonComplete)
	stop()
	return order
}
