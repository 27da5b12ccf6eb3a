// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// volumes is how many volumes a namespace with storage has.
const volumes = 4

var _ = Describe("The claims of an Advanced StatefulSet", func() {
	It("stay with their ordinals over recreation and scaling, and a new template reaches recreated Pods only", func(ctx SpecContext) {
		namespace := newStorage(ctx)
		s := createStatefulIn(ctx, namespace, 2, withClaim("data", namespace, "1Gi"))
		before := s.awaitDone(ctx)
		claims := s.claims(ctx)
		Expect(claims).To(And(HaveLen(2), HaveKey("data-app-0"), HaveKey("data-app-1")))
		Expect(mounted(&before[1], "data")).To(Equal("data-app-1"))

		s.change(ctx, withImage(framework.AppImageV2))
		expectRecreated(before, s.awaitDone(ctx))
		s.change(ctx, withReplicas(0))
		s.awaitDone(ctx)
		s.change(ctx, withReplicas(2))
		after := s.awaitDone(ctx)
		Expect(volumesOf(s.claims(ctx))).To(Equal(volumesOf(claims)), "UIDs and volumes of the claims")

		By("another claim template")
		s.change(ctx, withClaim("logs", namespace, "1Gi"))
		expectSameProcesses(after, s.awaitDone(ctx))
		s.replacePod(ctx, 1)
		latest := s.awaitDone(ctx)
		Expect(mounted(&latest[1], "logs")).To(Equal("logs-app-1"))
		Expect(latest[0].UID).To(Equal(after[0].UID), "the other Pod goes on with what it has")
	}, SpecTimeout(framework.SpecPatience))

	It("go with scaling down and with the set when persistentVolumeClaimRetentionPolicy says so", func(ctx SpecContext) {
		namespace := newStorage(ctx)
		s := createStatefulIn(ctx, namespace, 2, withClaim("data", namespace, "1Gi"), func(set *v1beta1.StatefulSet) {
			set.Spec.PersistentVolumeClaimRetentionPolicy = &v1beta1.StatefulSetPersistentVolumeClaimRetentionPolicy{
				WhenScaled: v1beta1.DeletePersistentVolumeClaimRetentionPolicy, WhenDeleted: v1beta1.RetainPersistentVolumeClaimRetentionPolicy,
			}
		})
		s.awaitDone(ctx)
		first := s.claims(ctx)["data-app-0"]

		By("scaling down")
		s.change(ctx, withReplicas(1))
		Eventually(ctx, func() []string { return keys(s.claims(ctx)) }).Should(Equal([]string{"data-app-0"}))

		By("replacing the Pod that stays")
		s.replacePod(ctx, 0)
		s.awaitDone(ctx)
		Expect(s.claims(ctx)["data-app-0"].UID).To(Equal(first.UID))

		By("scaling up, and deleting the set")
		s.change(ctx, withReplicas(2), func(set *v1beta1.StatefulSet) {
			set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted = v1beta1.DeletePersistentVolumeClaimRetentionPolicy
		})
		s.awaitDone(ctx)
		Eventually(ctx, func() []metav1.OwnerReference { return s.claims(ctx)["data-app-0"].OwnerReferences }).Should(
			ConsistOf(HaveField("UID", s.get(ctx).UID)))
		Expect(cluster.Client.Delete(ctx, s.get(ctx))).To(Succeed())
		Eventually(ctx, func() int { return len(s.claims(ctx)) }).Should(BeZero(), "claims")
		Eventually(ctx, func() int { return len(s.all(ctx)) }).Should(BeZero(), "Pods")
	}, SpecTimeout(framework.SpecPatience))

	It("grow with the rollout, Pod by Pod, without a restart where only the size changes", func(ctx SpecContext) {
		namespace := newStorage(ctx)
		s := createStatefulIn(ctx, namespace, 2, withClaim("data", namespace, "1Gi"), func(set *v1beta1.StatefulSet) {
			set.Spec.VolumeClaimUpdateStrategy.Type = v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy
		})
		before := s.awaitDone(ctx)

		s.change(ctx, func(set *v1beta1.StatefulSet) {
			set.Spec.VolumeClaimTemplates[0] = framework.ClaimTemplate("data", namespace, "2Gi")
		})
		Eventually(ctx, func() string { return requested(s.claims(ctx)["data-app-1"]) }).Should(Equal("2Gi"))
		Expect(requested(s.claims(ctx)["data-app-0"])).To(Equal("1Gi"), "the next Pod's claim waits for its turn")
		Eventually(ctx, func() []v1beta1.VolumeClaimStatus { return s.get(ctx).Status.VolumeClaims }).Should(ConsistOf(And(
			HaveField("VolumeClaimName", "data"), HaveField("CompatibleReplicas", int32(1)), HaveField("CompatibleReadyReplicas", int32(0)))))

		s.grant(ctx, "data-app-1", "2Gi")
		Eventually(ctx, func() string { return requested(s.claims(ctx)["data-app-0"]) }).Should(Equal("2Gi"))
		s.grant(ctx, "data-app-0", "2Gi")
		expectSameProcesses(before, s.awaitDone(ctx))
		Eventually(ctx, func() []v1beta1.VolumeClaimStatus { return s.get(ctx).Status.VolumeClaims }).Should(ConsistOf(And(
			HaveField("CompatibleReplicas", int32(2)), HaveField("CompatibleReadyReplicas", int32(2)))))
		Expect(s.claims(ctx)["data-app-0"].Annotations).To(HaveKeyWithValue(v1beta1.OwnedByStatefulSetAnnotation, "app"))

		By("asking for less")
		_, err := cluster.ChangeStatefulSet(ctx, s.key, func(set *v1beta1.StatefulSet) {
			set.Spec.VolumeClaimTemplates[0] = framework.ClaimTemplate("data", namespace, "1Gi")
		})
		Expect(err).To(MatchError(ContainSubstring("2Gi")))
	}, SpecTimeout(framework.SpecPatience))
})

// newStorage makes a namespace, and a StorageClass of its name with volumes. The volumes go when the spec ends.
func newStorage(ctx context.Context) string {
	GinkgoHelper()
	namespace := newNamespace(ctx, nil)
	DeferCleanup(func(ctx SpecContext) { Expect(cluster.DeleteStorage(ctx, namespace, volumes)).To(Succeed()) })
	Expect(cluster.NewStorage(ctx, namespace, volumes, "1Gi")).To(Succeed())
	return namespace
}

// withClaim gives every Pod a claim more, and mounts it in the application.
func withClaim(name, class, size string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, framework.ClaimTemplate(name, class, size))
		if len(set.Spec.VolumeClaimTemplates) > 1 {
			return // a mount would be a change of the Pod template
		}
		app := &set.Spec.Template.Spec.Containers[0]
		app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/" + name, ReadOnly: true})
	}
}

// claims are the set's claims by name.
func (s *stateful) claims(ctx context.Context) map[string]*corev1.PersistentVolumeClaim {
	GinkgoHelper()
	list := &corev1.PersistentVolumeClaimList{}
	Expect(cluster.Client.List(ctx, list, client.InNamespace(s.key.Namespace), client.MatchingLabels(s.labels))).To(Succeed())
	out := map[string]*corev1.PersistentVolumeClaim{}
	for i := range list.Items {
		out[list.Items[i].Name] = &list.Items[i]
	}
	return out
}

// grant plays the storage driver: it says that a claim has got its size.
func (s *stateful) grant(ctx context.Context, claim, size string) {
	GinkgoHelper()
	target := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: s.key.Namespace, Name: claim}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"capacity":{"storage":"`+size+`"}}}`))
	Expect(cluster.Client.Status().Patch(ctx, target, patch)).To(Succeed())
}

func requested(claim *corev1.PersistentVolumeClaim) string {
	GinkgoHelper()
	Expect(claim).NotTo(BeNil())
	quantity := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	return quantity.String()
}

// boundVolume is what makes a claim the same one as before, with the same data.
type boundVolume struct {
	UID    types.UID
	Volume string
}

func volumesOf(claims map[string]*corev1.PersistentVolumeClaim) map[string]boundVolume {
	out := map[string]boundVolume{}
	for name, claim := range claims {
		out[name] = boundVolume{claim.UID, claim.Spec.VolumeName}
	}
	return out
}

// mounted names the claim behind a volume of a Pod.
func mounted(pod *corev1.Pod, volume string) string {
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.Name == volume && v.PersistentVolumeClaim != nil {
			return v.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}
