// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// preDownload sets a set's policy.
func preDownload(policy v1beta1.ImagePreDownloadPolicy) func(*v1beta1.SidecarSet) {
	return func(set *v1beta1.SidecarSet) {
		set.Spec.UpdateStrategy.ImagePreDownload = &v1beta1.SidecarSetImagePreDownload{Policy: policy}
		set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromString("50%"))
	}
}

// unpulled is a tag of the sidecar that no node has pulled, and nobody has pushed.
func unpulled(namespace string) string { return "ghcr.io/windlass-operator/testsidecar:" + namespace }

// isPuller reports whether a Pod has a node pull an image.
func isPuller(pod *corev1.Pod) bool {
	_, is := pod.Labels[v1beta1.ImagePullerLabel]
	return is
}

// pullersIn counts the pullers that were recorded, and says how often a Pod that served ceased to.
func pullersIn(history *framework.PodHistory) (pullers, unready int) {
	GinkgoHelper()
	changes, err := history.Stop()
	Expect(err).NotTo(HaveOccurred())
	uids := sets.New[types.UID]()
	for i := range changes {
		c := &changes[i]
		switch {
		case c.After != nil && isPuller(c.After):
			uids.Insert(c.After.UID)
		case c.Before != nil && c.After != nil && framework.IsReady(c.Before) && !framework.IsReady(c.After):
			unready++
		}
	}
	return uids.Len(), unready
}

func eventReasons(ctx context.Context, set string) []string {
	GinkgoHelper()
	list := &eventsv1.EventList{}
	Expect(cluster.Client.List(ctx, list)).To(Succeed())
	var out []string
	for i := range list.Items {
		if e := &list.Items[i]; e.Regarding.Kind == "SidecarSet" && e.Regarding.Name == set {
			out = append(out, e.Reason)
		}
	}
	return out
}

var _ = Describe("Images that nodes pull before sidecars restart", func() {
	BeforeEach(func() {
		if options.Registry == "" {
			Skip("-registry is not set: an image that no node has cannot be pushed")
		}
	})

	It("harms no Pod with a wrong tag, says so, and goes on by itself when the tag is pushed", func(ctx SpecContext) {
		r := startRollout(ctx, 4, preDownload(v1beta1.ImagePreDownloadFirstNode))
		for i := range 4 {
			d := framework.Deployment(r.namespace, fmt.Sprintf("more-%d", i), 4)
			d.Spec.Template.Labels[framework.AppLabel] = "app" // the set selects it too
			d.Spec.Template.Labels["workload"] = d.Name
			d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"workload": d.Name}}
			runWorkload(ctx, d)
		}
		awaitCounters(ctx, r.set, counters{Matched: 20, Updated: 20, Ready: 20, UpdatedReady: 20})
		before, err := cluster.Pods(ctx, r.namespace, map[string]string{framework.AppLabel: "app"})
		Expect(err).NotTo(HaveOccurred())
		history, err := cluster.RecordPods(ctx, r.namespace, nil)
		Expect(err).NotTo(HaveOccurred())

		image, began := unpulled(r.namespace), time.Now()
		r.change(ctx, setImage(image))
		awaitCondition(ctx, r.set, v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonImageUnavailable)
		figure("Stalled", "after %.1f s: %s", time.Since(began).Seconds(), conditionMessage(ctx, r.set, v1beta1.ConditionStalled))
		Expect(conditionMessage(ctx, r.set, v1beta1.ConditionStalled)).To(And(ContainSubstring(image), ContainSubstring("not found")))
		Expect(eventReasons(ctx, r.set)).To(ContainElement("ImageUnavailable"))
		after, err := cluster.Pods(ctx, r.namespace, map[string]string{framework.AppLabel: "app"})
		Expect(err).NotTo(HaveOccurred())
		expectUntouched(before, after)
		pullers, unready := pullersIn(history)
		figure("pullers", "%d for 20 Pods of 5 workloads; Pods that ceased to serve: %d", pullers, unready)
		Expect(unready).To(BeZero())
		Expect(pullers).To(BeNumerically("<=", 3))

		By("pushing the tag")
		Expect(cluster.TagImage(ctx, framework.SidecarImageV2, r.namespace)).To(Succeed())
		pushed := time.Now()
		Eventually(ctx, func() error {
			return cluster.HasCondition(ctx, r.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		}).Should(Succeed())
		figure("after the push", "complete in %.1f s", time.Since(pushed).Seconds())
		after, err = cluster.Pods(ctx, r.namespace, map[string]string{framework.AppLabel: "app"})
		Expect(err).NotTo(HaveOccurred())
		Expect(after).To(HaveLen(20))
		expectHolding(after, image)
		Expect(livePullers(ctx, r.namespace)).To(BeEmpty(), "pullers that are left")
	}, SpecTimeout(framework.SpecPatience))

	It("keeps the Pods of a node whose registry is broken as they are, and updates all others", Label("pulls"), func(ctx SpecContext) {
		if !cluster.CanBreakNodes() {
			Skip("-cluster is not set: no node can be cut off from the registry")
		}
		r := startRollout(ctx, 6, preDownload(v1beta1.ImagePreDownloadEveryNode))
		nodes := sets.New[string]()
		for i := range r.before {
			nodes.Insert(r.before[i].Spec.NodeName)
		}
		if nodes.Len() < 2 {
			Skip("all Pods came to one node")
		}
		bad := r.before[0].Spec.NodeName
		Expect(cluster.BreakRegistry(ctx, bad)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.FixRegistry(ctx, bad)).To(Succeed()) })
		Expect(cluster.TagImage(ctx, framework.SidecarImageV2, r.namespace)).To(Succeed())
		image := unpulled(r.namespace)
		r.change(ctx, setImage(image))

		onBad := func(pod corev1.Pod) bool { return pod.Spec.NodeName == bad }
		kept := slices.DeleteFunc(slices.Clone(r.before), func(pod corev1.Pod) bool { return !onBad(pod) })
		Eventually(ctx, func() int { return len(holding(r.pods(ctx), image)) }).Should(Equal(len(r.before) - len(kept)))
		Eventually(ctx, func() string { return conditionMessage(ctx, r.set, v1beta1.ConditionReady) }).
			Should(ContainSubstring("Node " + bad + " cannot get image"))
		figure("Ready", "%s", conditionMessage(ctx, r.set, v1beta1.ConditionReady))
		now := slices.DeleteFunc(r.pods(ctx), func(pod corev1.Pod) bool { return !onBad(pod) })
		expectUntouched(kept, now)

		By("mending the node")
		Expect(cluster.FixRegistry(ctx, bad)).To(Succeed())
		Eventually(ctx, func() int { return len(holding(r.pods(ctx), image)) }).Should(Equal(len(r.before)))
	}, SpecTimeout(framework.SpecPatience))

	It("goes on unproven where a quota leaves no Pod, and says so", func(ctx SpecContext) {
		r := startRollout(ctx, 2, preDownload(v1beta1.ImagePreDownloadFirstNode))
		Expect(cluster.TagImage(ctx, framework.SidecarImageV2, r.namespace)).To(Succeed())
		quota := &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "full"},
			Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("2")}},
		}
		Expect(cluster.Client.Create(ctx, quota)).To(Succeed())
		Eventually(ctx, func() (string, error) {
			err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(quota), quota)
			used := quota.Status.Used[corev1.ResourcePods]
			return used.String(), err
		}).Should(Equal("2"))

		r.change(ctx, setImage(unpulled(r.namespace)))
		expectHolding(r.awaitReady(ctx, v1beta1.ReasonComplete), unpulled(r.namespace))
		Expect(eventReasons(ctx, r.set)).To(ContainElement("ImageNotProven"))
	}, SpecTimeout(framework.SpecPatience))

	It("works in a namespace that takes restricted Pods alone", func(ctx SpecContext) {
		r := startRollout(ctx, 2, preDownload(v1beta1.ImagePreDownloadEveryNode))
		restrict := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`))
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}}
		Expect(cluster.Client.Patch(ctx, namespace, restrict)).To(Succeed())
		Expect(cluster.TagImage(ctx, framework.SidecarImageV2, r.namespace)).To(Succeed())
		history, err := cluster.RecordPods(ctx, r.namespace, nil)
		Expect(err).NotTo(HaveOccurred())

		r.change(ctx, setImage(unpulled(r.namespace)))
		// The Pods themselves are not restricted, so their change is tried, and refused: the pull came first.
		Eventually(ctx, func() string { return conditionMessage(ctx, r.set, v1beta1.ConditionReady) }).Should(ContainSubstring("violates PodSecurity"))
		pullers, _ := pullersIn(history)
		figure("pullers", "%d", pullers)
		Expect(pullers).To(BeNumerically(">=", 1))
		Expect(eventReasons(ctx, r.set)).NotTo(ContainElement("ImageNotProven"))
	}, SpecTimeout(framework.SpecPatience))
})

// expectHolding expects all Pods to have the sidecar's image.
func expectHolding(pods []corev1.Pod, image string) {
	GinkgoHelper()
	Expect(holding(pods, image)).To(HaveLen(len(pods)), "Pods with image %s", image)
}

// livePullers are the pullers that are there.
func livePullers(ctx context.Context, namespace string) []corev1.Pod {
	GinkgoHelper()
	list := &corev1.PodList{}
	Expect(cluster.Client.List(ctx, list, client.InNamespace(namespace), client.HasLabels{v1beta1.ImagePullerLabel})).To(Succeed())
	return list.Items
}
