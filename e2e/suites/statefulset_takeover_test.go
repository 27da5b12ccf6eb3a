// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

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

var _ = Describe("An Advanced StatefulSet takes over", func() {
	It("the Pods, claims and revisions of a StatefulSet of apps/v1, whose manifest changes nothing but the apiVersion", func(ctx SpecContext) {
		namespace := newStorage(ctx)
		native := nativeStatefulSet(namespace)
		Expect(cluster.Client.Create(ctx, native)).To(Succeed())
		var before []corev1.Pod
		Eventually(ctx, func() (err error) {
			before, err = cluster.ReadyPods(ctx, namespace, native.Spec.Selector.MatchLabels, 2)
			return err
		}).Should(Succeed())

		Expect(cluster.Client.Delete(ctx, native.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		Eventually(ctx, func() error {
			return cluster.Client.Get(ctx, client.ObjectKeyFromObject(native), &appsv1.StatefulSet{})
		}).ShouldNot(Succeed())
		s := knownStateful(framework.StatefulSet(namespace, "app", 2))
		revisions, claims := s.revisions(ctx), volumesOf(s.claims(ctx))
		Expect(revisions).To(HaveLen(1))
		Expect(claims).To(HaveLen(2))

		_, stop := s.record(ctx)
		Expect(kubectl(ctx, nativeManifest(native), "apply", "--filename", "-")).To(ContainSubstring("created"))
		after := s.awaitDone(ctx)
		expectSameProcesses(before, after)
		Expect(framework.Restarts(after)).To(HaveEach(BeZero()))
		set := s.get(ctx)
		for i := range after {
			Expect(metav1.IsControlledBy(&after[i], set)).To(BeTrue(), "Pod %s belongs to the set", after[i].Name)
		}
		adopted := s.revisions(ctx)
		Expect(keys(adopted)).To(And(Equal(keys(revisions)), Equal([]string{set.Status.UpdateRevision})), "no revision is added")
		revision := adopted[set.Status.UpdateRevision]
		Expect(metav1.IsControlledBy(&revision, set)).To(BeTrue(), "the revision belongs to the set")
		Expect(volumesOf(s.claims(ctx))).To(Equal(claims))
		Expect(framework.MostDown(stop(), s.podNames(2)...)).To(BeZero(), "Pods down at the same time")

		By("a rollout after that")
		s.change(ctx, withImage(framework.AppImageV2))
		expectRecreated(after, s.awaitDone(ctx))
		Expect(volumesOf(s.claims(ctx))).To(Equal(claims))
		Expect(s.revisions(ctx)).To(HaveLen(2))
	}, SpecTimeout(framework.SpecPatience))

	It("what OpenKruise left in the midst of updates, without a new revision, and without a restart that was not begun", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		stopOperator(ctx)
		left := leaveOpenKruise(ctx, namespace)
		startOperator(ctx)

		By("a set that was done stays as it is")
		recreate := left.sets["recreate"]
		expectSameProcesses(left.pods["recreate"], recreate.awaitDone(ctx))

		By("Pods in their grace period get what was to come, and rest at the partition")
		web := left.sets["web"]
		rested := web.awaitResting(ctx, v1beta1.ReasonPartitionReached)
		Expect(framework.Identities(rested)).To(Equal(framework.Identities(left.pods["web"])))
		Expect(framework.Restarts(rested)).To(Equal(map[string]int32{"web-0/main": 0, "web-2/main": 1, "web-3/main": 1}))
		Expect(images(rested, "main")).To(Equal([]string{framework.AppImage, framework.AppImageV2, framework.AppImageV2}))

		By("Pods that wait for a hook go on when it lets them")
		hooked := left.sets["hooked"]
		for _, ordinal := range []int{1, 0} {
			Eventually(ctx, hooked.seePod(ctx, ordinal)).Should(beIn(v1beta1.LifecycleStatePreparingUpdate))
			hooked.unhook(ctx, ordinal)
			Eventually(ctx, hooked.seePod(ctx, ordinal)).Should(beIn(v1beta1.LifecycleStateUpdated))
			hooked.hook(ctx, ordinal)
		}
		changed := hooked.awaitDone(ctx)
		Expect(framework.Identities(changed)).To(Equal(framework.Identities(left.pods["hooked"])))
		Expect(framework.Restarts(changed)).To(HaveEach(Equal(int32(1))))

		By("and the rollout goes on")
		web.change(ctx, withPartition(0), strategy(func(r *v1beta1.RollingUpdateStatefulSetStrategy) {
			r.InPlaceUpdateStrategy.GracePeriodSeconds = 1
		}))
		Expect(framework.Restarts(web.awaitDone(ctx))).To(Equal(map[string]int32{"web-0/main": 1, "web-2/main": 1, "web-3/main": 1}))
		for name, s := range left.sets {
			Expect(keys(s.revisions(ctx))).To(Equal(left.revisions[name]), "revisions of %s", name)
		}
	}, SpecTimeout(framework.SpecPatience))
})

// nativeStatefulSet is a StatefulSet of apps/v1 with a claim for each Pod.
func nativeStatefulSet(namespace string) *appsv1.StatefulSet {
	ours := framework.StatefulSet(namespace, "app", 2)
	withClaim("data", namespace, "1Gi")(ours)
	return &appsv1.StatefulSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "app"},
		Spec: appsv1.StatefulSetSpec{
			ServiceName: "app", Replicas: ptr.To[int32](2), Selector: ours.Spec.Selector,
			Template: ours.Spec.Template, VolumeClaimTemplates: ours.Spec.VolumeClaimTemplates,
		},
	}
}

// nativeManifest is the manifest of a StatefulSet of apps/v1, for our API group.
func nativeManifest(native *appsv1.StatefulSet) string {
	GinkgoHelper()
	moved := nativeStatefulSet(native.Namespace)
	moved.APIVersion = v1beta1.GroupVersion.String()
	return toYAML(moved)
}

// stopOperator takes the operator away, as when one is replaced by another, and startOperator brings it back. The end
// of the spec does so in any case.
func stopOperator(ctx context.Context) {
	GinkgoHelper()
	DeferCleanup(func(ctx SpecContext) { startOperator(ctx) })
	scaleOperator(ctx, 0)
	pods := &corev1.PodList{}
	Eventually(ctx, func() ([]corev1.Pod, error) {
		err := cluster.Client.List(ctx, pods, client.InNamespace(options.Namespace), client.MatchingLabels{
			"app.kubernetes.io/instance": framework.ReleaseName, "app.kubernetes.io/component": "operator"})
		return pods.Items, err
	}).Should(BeEmpty(), "Pods of the operator, those that are ending included")
}

func startOperator(ctx context.Context) {
	GinkgoHelper()
	scaleOperator(ctx, replicas)
}

func scaleOperator(ctx context.Context, count int32) {
	GinkgoHelper()
	deployment := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: options.Namespace, Name: framework.ReleaseName + "-operator"}
	Expect(cluster.Client.Get(ctx, key, deployment)).To(Succeed())
	before := deployment.DeepCopy()
	deployment.Spec.Replicas = &count
	Expect(cluster.Client.Patch(ctx, deployment, client.MergeFrom(before))).To(Succeed())
	Eventually(ctx, func() error {
		_, err := cluster.ReadyReleasePods(ctx, "operator", int(count))
		return err
	}).Should(Succeed())
}
