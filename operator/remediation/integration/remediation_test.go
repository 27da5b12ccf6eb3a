// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/remediation"
)

var _ = Describe("a Pod that its node keeps from starting", Serial, func() {
	BeforeEach(func() { hook.serves.Store(true) })

	It("is moved once every webhook serves the exclusion, also by an operator that was started in between", func(ctx SpecContext) {
		hook.serves.Store(false)
		f := newFixture(ctx, nil)
		f.bind(ctx, "web-1", "node-2", runs)
		stuck := f.bind(ctx, "web-0", "node-1", cannotPull)

		By("recording the exclusion, and leaving the Pod while no webhook serves it")
		Eventually(f.status(ctx)).Should(haveCondition(v1beta1.ConditionRemediating, metav1.ConditionTrue, v1beta1.ReasonNodeExcluded, "every webhook to serve it"))
		patch := f.patch(ctx)(Default)
		Expect(patch.Spec.ExpiresAt.Time).To(BeTemporally("~", time.Now().Add(time.Hour+time.Minute), 30*time.Second))
		Consistently(f.pod(ctx, "web-0")).Should(HaveField("UID", stuck))

		By("starting another operator, and serving it")
		stop()
		stop = startOperator()
		Consistently(f.pod(ctx, "web-0")).Should(HaveField("UID", stuck))
		hook.serves.Store(true)
		replacement := f.uid(ctx, "web-0", stuck)

		By("not deleting its replacement")
		Expect(f.bind(ctx, "web-0", "node-3", runs)).To(Equal(replacement))
		Eventually(f.status(ctx)).Should(haveCondition(v1beta1.ConditionRemediating, metav1.ConditionTrue, v1beta1.ReasonNodeExcluded, "No Pod waits"))
		Eventually(f.status(ctx)).Should(haveCondition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete, ""))
		Consistently(f.pod(ctx, "web-0")).Should(HaveField("UID", replacement))

		By("telling of it in events")
		Eventually(func(g Gomega) {
			list := &eventsv1.EventList{}
			g.Expect(k8s.List(ctx, list)).To(Succeed())
			told := map[string]int{}
			for _, e := range list.Items {
				if e.Regarding.Namespace == f.namespace || e.Regarding.Kind == "Node" {
					told[e.Reason+" of "+e.Regarding.Kind]++
				}
			}
			g.Expect(told).To(And(HaveKey("StuckPodDeleted of Pod"), HaveKey("StuckPodDeleted of StatefulSet"), HaveKey("NodeExcluded of Node"), HaveKey("NodeExcluded of StatefulSet")))
		}).Should(Succeed())

		By("lifting the exclusion when a person takes it out")
		before := patch.DeepCopy()
		Eventually(func(g Gomega) {
			patch = f.patch(ctx)(g)
			before = patch.DeepCopy()
			patch.Spec.Affinity, patch.Spec.NodeSelector = nil, map[string]string{"kubernetes.io/os": "linux"}
			g.Expect(k8s.Patch(ctx, patch, client.MergeFrom(before))).To(Succeed())
		}).Should(Succeed())
		Eventually(f.patch(ctx)).Should(And(
			HaveField("Spec.NodeSelector", BeEmpty()),
			WithTransform(func(p client.Object) []remediation.Exclusion {
				record, err := remediation.ParseRecord(p.GetAnnotations()[v1beta1.RemediationExclusionsAnnotation])
				Expect(err).NotTo(HaveOccurred())
				return record.Exclusions
			}, ConsistOf(HaveField("Expires.Time", BeTemporally("<=", time.Now().Add(patience))))),
		))
		Eventually(f.status(ctx)).ShouldNot(haveCondition(v1beta1.ConditionRemediating, metav1.ConditionTrue, v1beta1.ReasonNodeExcluded, ""))
	})

	It("is left alone where Pods start on no node, and the set says so", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		first := f.bind(ctx, "web-0", "node-1", cannotPull)
		f.bind(ctx, "web-1", "node-2", cannotPull)
		Eventually(f.status(ctx)).Should(And(
			haveCondition(v1beta1.ConditionRemediating, metav1.ConditionFalse, v1beta1.ReasonAllNodesFailing, "Back-off pulling image"),
			haveCondition(v1beta1.ConditionProgressing, metav1.ConditionFalse, v1beta1.ReasonAllNodesFailing, ""),
			haveCondition(v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonAllNodesFailing, ""),
			haveCondition(v1beta1.ConditionReady, metav1.ConditionFalse, v1beta1.ReasonAllNodesFailing, ""),
		))
		Consistently(f.pod(ctx, "web-0")).Should(HaveField("UID", first))
	})

	It("is not made anew on the node that refused it", func(ctx SpecContext) {
		hook.serves.Store(false)
		f := newFixture(ctx, nil)
		refused := f.bind(ctx, "web-0", "node-1", isRefused)
		Eventually(f.status(ctx)).Should(haveCondition(v1beta1.ConditionRemediating, metav1.ConditionTrue, v1beta1.ReasonNodeExcluded, "OutOfcpu"))
		Consistently(f.pod(ctx, "web-0")).Should(HaveField("UID", refused))
		hook.serves.Store(true)
		f.uid(ctx, "web-0", refused)
	})

	It("is made anew at once where a gate forbids to move it and it will not run again", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.StatefulSetBuilder) {
			b.Spec(func(s *v1beta1.StatefulSetSpec) {
				s.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "node-1.example"}
			})
		})
		refused := f.bind(ctx, "web-0", "node-1", isRefused)
		f.uid(ctx, "web-0", refused)
	})

	It("is left alone while its set is paused", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.StatefulSetBuilder) { b.Paused() })
		f.bind(ctx, "web-1", "node-2", runs)
		stuck := f.bind(ctx, "web-0", "node-1", cannotPull)
		Eventually(f.status(ctx)).Should(haveCondition(v1beta1.ConditionRemediating, metav1.ConditionFalse, v1beta1.ReasonPaused, "paused to false"))
		Consistently(f.pod(ctx, "web-0")).Should(HaveField("UID", stuck))
	})

	It("is left alone where its storage is", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.StatefulSetBuilder) {
			b.Claim("data", "1Gi").Spec(func(s *v1beta1.StatefulSetSpec) {
				s.VolumeClaimTemplates[0].Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
			})
		})
		f.volume(ctx, "web-0", "node-1")
		f.bind(ctx, "web-1", "node-2", runs)
		stuck := f.bind(ctx, "web-0", "node-1", cannotPull)
		Eventually(f.status(ctx)).Should(haveCondition(v1beta1.ConditionRemediating, metav1.ConditionFalse, v1beta1.ReasonStoragePinned, "data-web-0"))
		Consistently(f.pod(ctx, "web-0")).Should(HaveField("UID", stuck))
	})

	It("leaves nothing behind when auto remediation is turned off", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.bind(ctx, "web-1", "node-2", runs)
		stuck := f.bind(ctx, "web-0", "node-1", cannotPull)
		f.uid(ctx, "web-0", stuck)
		f.bind(ctx, "web-0", "node-3", runs)
		Expect(k8s.Patch(ctx, f.set, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"autoRemediation":{"enabled":false}}}`)))).To(Succeed())
		Eventually(func() error {
			return k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: "web-remediation"}, &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "apps.kruise.io/v1alpha1", Kind: "SchedPatch"}})
		}).Should(MatchError(ContainSubstring("not found")))
		Eventually(f.status(ctx)).ShouldNot(haveCondition(v1beta1.ConditionRemediating, metav1.ConditionTrue, v1beta1.ReasonNodeExcluded, ""))
	})
})

// volume binds the claim of a Pod to a volume that one node alone has.
func (f *fixture) volume(ctx SpecContext, pod, node string) {
	GinkgoHelper()
	claim := &corev1.PersistentVolumeClaim{}
	Eventually(func() error {
		return k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: "data-" + pod}, claim)
	}).Should(Succeed())
	pv := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pv-"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: claim.Spec.Resources.Requests, AccessModes: claim.Spec.AccessModes, StorageClassName: ptr.Deref(claim.Spec.StorageClassName, ""),
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/data"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node + ".example"}}},
			}}}},
		},
	}
	Expect(k8s.Create(ctx, pv)).To(Succeed())
	before := claim.DeepCopy()
	claim.Spec.VolumeName = pv.Name
	claim.Finalizers = nil // nobody protects claims here
	Expect(k8s.Patch(ctx, claim, client.MergeFrom(before))).To(Succeed())
}
