// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("The revisions of a SidecarSet", func() {
	It("are kept beside the operator, and going back makes the old one the newest", func(ctx SpecContext) {
		r := startRollout(ctx, 1)
		first := r.revisions(ctx)
		Expect(first).To(HaveLen(1))
		Expect(first[0].Name).To(And(HavePrefix(r.set+"-"), Equal(r.latestRevision(ctx))))
		expectOwnedBy(ctx, &first[0], r.set)

		r.change(ctx, setImage(framework.SidecarImageV2))
		r.awaitReady(ctx, v1beta1.ReasonComplete)
		second := r.revisions(ctx)
		Expect(second).To(HaveLen(2))
		Expect(second[1].Revision).To(BeNumerically(">", second[0].Revision))
		Expect(r.recordedRevisions(ctx)).To(HaveEach(second[1].Name))

		r.change(ctx, setImage(framework.SidecarImage))
		Expect(holding(r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarImage)).To(HaveLen(1))
		third := r.revisions(ctx)
		Expect(third).To(HaveLen(2), "no new revision for a version that was there before")
		Expect(third[1].Name).To(And(Equal(first[0].Name), Equal(r.latestRevision(ctx))))
		Expect(third[1].Revision).To(BeNumerically(">", second[1].Revision))
		Expect(r.recordedRevisions(ctx)).To(HaveEach(first[0].Name))
	}, SpecTimeout(framework.SpecPatience))

	It("are forgotten beyond revisionHistoryLimit, but for those that Pods run", func(ctx SpecContext) {
		r := startRollout(ctx, 1, func(set *v1beta1.SidecarSet) {
			set.Spec.RevisionHistoryLimit = ptr.To[int32](2)
			set.Spec.UpdateStrategy.Paused = true
		})
		first := r.latestRevision(ctx)
		for _, image := range []string{framework.SidecarImageV2, framework.SidecarImageV3, missingImage} {
			r.change(ctx, setImage(image))
			r.awaitReady(ctx, v1beta1.ReasonPaused)
		}
		Eventually(ctx, func() []string { return revisionNames(r.revisions(ctx)) }).Should(
			ConsistOf(first, r.latestRevision(ctx)), "the one that the Pod runs, and the latest")

		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Spec.UpdateStrategy.Paused = false })
		for _, image := range []string{framework.SidecarImageV2, framework.SidecarImageV3} {
			r.change(ctx, setImage(image))
			r.awaitReady(ctx, v1beta1.ReasonComplete)
		}
		Eventually(ctx, func() []string { return revisionNames(r.revisions(ctx)) }).Should(
			And(HaveLen(2), ContainElement(r.latestRevision(ctx)), Not(ContainElement(first))), "without the one that no Pod runs any more")
	}, SpecTimeout(framework.SpecPatience))

	It("can be pinned for new Pods, by name and by custom version", func(ctx SpecContext) {
		r := startRollout(ctx, 1, func(set *v1beta1.SidecarSet) {
			set.Spec.CustomVersion = "one"
			set.Spec.UpdateStrategy.Paused = true
		})
		first := r.latestRevision(ctx)
		r.change(ctx, func(set *v1beta1.SidecarSet) {
			set.Spec.CustomVersion = "two"
			set.Spec.Containers[0].Image = framework.SidecarImageV2
		})
		r.awaitReady(ctx, v1beta1.ReasonPaused)
		Expect(r.latestRevision(ctx)).NotTo(Equal(first))
		r.awaitInjected(ctx, framework.SidecarImageV2)

		By("pinning the first one by its name")
		r.change(ctx, pin(&v1beta1.SidecarSetInjectRevision{RevisionName: ptr.To(first)}))
		r.awaitInjected(ctx, framework.SidecarImage)
		r.scale(ctx, 2)
		pods := awaitPods(ctx, r.deployment)
		Expect(holding(pods, framework.SidecarImage)).To(HaveLen(2))
		Expect(r.recordedRevisions(ctx)).To(HaveEach(first), "the revision that the Pods say they are at")
		awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 0, Ready: 2, UpdatedReady: 0})

		By("pinning by custom version, to the second and back to the first")
		r.change(ctx, pin(&v1beta1.SidecarSetInjectRevision{CustomVersion: ptr.To("two")}))
		r.awaitInjected(ctx, framework.SidecarImageV2)
		r.change(ctx, pin(&v1beta1.SidecarSetInjectRevision{CustomVersion: ptr.To("one")}))
		r.awaitInjected(ctx, framework.SidecarImage)

		By("refusing a pin to a revision that is not there")
		_, err := cluster.ChangeSidecarSet(ctx, r.set, pin(&v1beta1.SidecarSetInjectRevision{CustomVersion: ptr.To("three")}))
		Expect(err).To(MatchError(ContainSubstring("three")))

		By("injecting the current version again without a pin")
		r.change(ctx, pin(nil))
		r.awaitInjected(ctx, framework.SidecarImageV2)
	}, SpecTimeout(framework.SpecPatience))
})

// revisions are the SidecarSet's, oldest first.
func (r *rollout) revisions(ctx context.Context) []appsv1.ControllerRevision {
	GinkgoHelper()
	list := &appsv1.ControllerRevisionList{}
	Expect(cluster.Client.List(ctx, list, client.InNamespace(options.Namespace), client.MatchingLabels{v1beta1.SidecarSetNameLabel: r.set})).To(Succeed())
	slices.SortFunc(list.Items, func(a, b appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	return list.Items
}

func revisionNames(revisions []appsv1.ControllerRevision) []string {
	names := make([]string, 0, len(revisions))
	for i := range revisions {
		names = append(names, revisions[i].Name)
	}
	return names
}

func expectOwnedBy(ctx context.Context, revision *appsv1.ControllerRevision, name string) {
	GinkgoHelper()
	set, err := cluster.GetSidecarSet(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	Expect(metav1.IsControlledBy(revision, set)).To(BeTrue(), "owner of revision %s: %v", revision.Name, revision.OwnerReferences)
}

func (r *rollout) latestRevision(ctx context.Context) string {
	GinkgoHelper()
	set, err := cluster.GetSidecarSet(ctx, r.set)
	Expect(err).NotTo(HaveOccurred())
	return set.Status.LatestRevision
}

// recordedRevisions are those that the Pods say they are at.
func (r *rollout) recordedRevisions(ctx context.Context) (out []string) {
	GinkgoHelper()
	for _, pod := range r.pods(ctx) {
		var entries map[string]struct {
			ControllerRevision string `json:"controllerRevision"`
		}
		Expect(json.Unmarshal([]byte(pod.Annotations[v1beta1.SidecarSetHashAnnotation]), &entries)).To(Succeed())
		out = append(out, entries[r.set].ControllerRevision)
	}
	return out
}

// pin makes new Pods get a revision, or the current version when it is nil.
func pin(revision *v1beta1.SidecarSetInjectRevision) func(*v1beta1.SidecarSet) {
	return func(set *v1beta1.SidecarSet) { set.Spec.InjectionStrategy.Revision = revision }
}

// awaitInjected waits until new Pods get the image; the webhook learns of a change a moment after the API server.
func (r *rollout) awaitInjected(ctx context.Context, image string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		pod := framework.UnscheduledPod(r.namespace, "new", "app")
		g.Expect(cluster.Client.Create(ctx, pod, client.DryRunAll)).To(Succeed())
		g.Expect(strings.Join(images([]corev1.Pod{*pod}, framework.SidecarContainer), ",")).To(Equal(image))
	}).Should(Succeed())
}

// scale gives the Deployment so many Pods.
func (r *rollout) scale(ctx context.Context, count int32) {
	GinkgoHelper()
	before := r.deployment.DeepCopy()
	r.deployment.Spec.Replicas = ptr.To(count)
	Expect(cluster.Client.Patch(ctx, r.deployment, client.MergeFrom(before))).To(Succeed())
}
