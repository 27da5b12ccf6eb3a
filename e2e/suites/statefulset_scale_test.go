// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// many is how many Pods a set with Parallel starts and ends at once.
const many = 10

var _ = Describe("An Advanced StatefulSet scales", func() {
	It("one Pod after the other with OrderedReady, from ordinals.start on and around reserved ordinals", func(ctx SpecContext) {
		s := createStateful(ctx, 0, readyAfter("1s"), func(set *v1beta1.StatefulSet) {
			set.Spec.Ordinals = &v1beta1.StatefulSetOrdinals{Start: 5}
			set.Spec.ReserveOrdinals = []intstr.IntOrString{intstr.FromInt32(6)}
		})
		_, stop := s.record(ctx)

		By("up")
		s.change(ctx, withReplicas(3))
		Expect(namesOfPods(s.awaitDone(ctx))).To(Equal([]string{"app-5", "app-7", "app-8"}))
		expectOrderedCreations(stop())

		By("reserving the ordinal of a Pod that runs, by a range")
		s.change(ctx, func(set *v1beta1.StatefulSet) {
			set.Spec.ReserveOrdinals = []intstr.IntOrString{intstr.FromString("6-7")}
		})
		Expect(namesOfPods(s.awaitDone(ctx))).To(Equal([]string{"app-5", "app-8", "app-9"}))

		By("down")
		_, stop = s.record(ctx)
		s.change(ctx, withReplicas(1))
		Expect(namesOfPods(s.awaitDone(ctx))).To(Equal([]string{"app-5"}))
		Eventually(ctx, func() []corev1.Pod { return s.all(ctx) }).Should(HaveLen(1))
		changes := stop()
		Expect(namesOfChanges(framework.Updates(changes))).To(Equal([]string{"app-9", "app-8"}), "Pods in the order of their deletion")
		expectOneTerminating(changes)
		Expect(s.get(ctx).Status).To(And(HaveField("Replicas", int32(1)), HaveField("ReadyReplicas", int32(1)), HaveField("AvailableReplicas", int32(1))))
	}, SpecTimeout(framework.SpecPatience))

	It("all at once with Parallel", func(ctx SpecContext) {
		s := createStateful(ctx, 0, parallel, readyAfter("8s"), endsAfter("8s")) // longer than it takes to begin with all
		_, stop := s.record(ctx)

		began := time.Now()
		s.change(ctx, withReplicas(many))
		Expect(s.awaitDone(ctx)).To(HaveLen(many))
		figure("Parallel", "%d Pods up in %.1f s", many, time.Since(began).Seconds())
		changes := stop()
		firstReady := slices.IndexFunc(changes, func(c framework.PodChange) bool { return c.After != nil && framework.IsReady(c.After) })
		Expect(created(changes[:firstReady])).To(HaveLen(many), "Pods created before the first of them was ready")

		_, stop = s.record(ctx)
		s.change(ctx, withReplicas(0))
		Eventually(ctx, func() []corev1.Pod { return s.all(ctx) }).Should(BeEmpty())
		changes = stop()
		firstGone := slices.IndexFunc(changes, func(c framework.PodChange) bool { return c.After == nil })
		Expect(framework.Updates(changes[:firstGone])).To(HaveLen(many), "Pods on their way out before the first of them was gone")
	}, SpecTimeout(framework.SpecPatience))
})

// created are the creations among changes.
func created(changes []framework.PodChange) (out []framework.PodChange) {
	for _, c := range changes {
		if c.Before == nil {
			out = append(out, c)
		}
	}
	return out
}

// expectOrderedCreations holds that every Pod was created when all Pods before it were ready.
func expectOrderedCreations(changes []framework.PodChange) {
	GinkgoHelper()
	Expect(created(changes)).NotTo(BeEmpty())
	framework.Replay(changes, func(c *framework.PodChange, pods map[string]*corev1.Pod) {
		if c.Before != nil {
			return
		}
		for _, pod := range pods {
			if ordinalOf(pod.Name) < ordinalOf(c.Name()) {
				Expect(framework.IsReady(pod)).To(BeTrue(), "Pod %s is ready when %s is created", pod.Name, c.Name())
			}
		}
	})
}

// expectOneTerminating holds that no Pod began to go while another one was going.
func expectOneTerminating(changes []framework.PodChange) {
	GinkgoHelper()
	framework.Replay(changes, func(_ *framework.PodChange, pods map[string]*corev1.Pod) {
		var going []string
		for _, pod := range pods {
			if pod.DeletionTimestamp != nil {
				going = append(going, pod.Name)
			}
		}
		Expect(len(going)).To(BeNumerically("<=", 1), "Pods that are going at the same time: %v", going)
	})
}
