// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

var _ = DescribeTable("a manifest of apps/v1 is accepted with another apiVersion, and applying it again changes nothing", func(ctx SpecContext, version string) {
	for _, manifest := range manifestsOfAppsV1(version) {
		manifest.SetName(manifest.GetName() + "-" + version)
		warnings.Take()
		apply := func() string {
			applied := manifest.DeepCopy()
			Expect(k8s.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("kubectl"))).To(Succeed(), manifest.GetName())
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(manifest), applied)).To(Succeed())
			return applied.GetResourceVersion()
		}
		apply()
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, manifest)).To(Succeed()) })
		Expect(warnings.Take()).To(BeEmpty(), manifest.GetName())
		// The first write after the creation stores the default of the status besides.
		second := apply()
		Expect(apply()).To(Equal(second), manifest.GetName())

		unchecked := manifest.DeepCopy()
		unchecked.SetName("strict-" + manifest.GetName())
		Expect(k8s.Create(ctx, unchecked, client.DryRunAll, client.FieldValidation("Strict"))).To(Succeed(), manifest.GetName())
	}
},
	Entry("v1beta1", "v1beta1"),
	Entry("v1alpha1", "v1alpha1"),
)

var _ = DescribeTable("objects of OpenKruise are accepted, and writing them again changes nothing", func(ctx SpecContext, file string) {
	content, err := os.ReadFile(filepath.Join("../../../api/testdata/openkruise", file))
	Expect(err).NotTo(HaveOccurred())
	list := &unstructured.UnstructuredList{}
	Expect(list.UnmarshalJSON(content)).To(Succeed())
	for _, recorded := range list.Items {
		warnings.Take()
		object := recorded.DeepCopy()
		object.Object["metadata"] = map[string]any{"namespace": shop, "name": recorded.GetName()}
		store(ctx, object)
		Expect(k8s.Update(ctx, object)).To(Succeed()) // stores the default of the status
		before := object.GetResourceVersion()
		Expect(k8s.Update(ctx, object)).To(Succeed())
		Expect(object.GetResourceVersion()).To(Equal(before), recorded.GetName())
		Expect(object.GetGeneration()).To(BeEquivalentTo(1), recorded.GetName())
		Expect(warnings.Take()).To(BeEmpty(), recorded.GetName())
		Expect(k8s.Delete(ctx, object)).To(Succeed())
	}
},
	Entry("after creation", "created-statefulsets.json"),
	Entry("in mid-rollout", "midway-statefulsets.json"),
)

var _ = Describe("A StatefulSet", func() {
	It("is refused with every field that is wrong, those of the template among them", func(ctx SpecContext) {
		set := newSet("wrong")
		set.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
		set.Spec.Template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "logs", MountPath: "/logs"}}
		err := k8s.Create(ctx, set)
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
		Expect(refusal(err)).To(Equal(`[` +
			`spec.template.spec.containers[0].volumeMounts[0].name: Not found: "logs": must be a volume of the template or the name of a claim template, of which there are none, ` +
			`spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"]`))
		cause, found := apierrors.StatusCause(err, metav1.CauseTypeFieldValueNotSupported)
		Expect(found).To(BeTrue())
		Expect(cause.Field).To(Equal("spec.template.spec.restartPolicy"))
	})

	It("is refused in v1alpha1 too", func(ctx SpecContext) {
		old := &v1alpha1.StatefulSet{ObjectMeta: newSet("alpha").ObjectMeta, Spec: newSet("alpha").Spec}
		old.Spec.Template.Labels = nil
		Expect(refusal(k8s.Create(ctx, old))).To(Equal(`spec.template.metadata.labels: Invalid value: "<none>": must be matched by spec.selector, which is app=alpha`))
	})

	It("is stored with a warning of what has no effect", func(ctx SpecContext) {
		object := manifestsOfAppsV1("v1beta1")[0]
		object.SetName("misspelt")
		Expect(unstructured.SetNestedField(object.Object, "", "spec", "template", "spec", "schedulername")).To(Succeed())
		warnings.Take()
		store(ctx, object)
		Expect(warnings.Take()).To(ConsistOf(`unknown field "spec.template.spec.schedulername", which is kept but has no effect unless the cluster knows it`))
	})

	It("changes only in what a running Pod can take under InPlaceOnly, with no readiness gate", func(ctx SpecContext) {
		set := withPolicy(newSet("in-place"), v1beta1.InPlaceOnlyPodUpdatePolicy)
		store(ctx, set)
		wrong := set.DeepCopy()
		wrong.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
		Expect(refusal(k8s.Update(ctx, wrong))).To(HavePrefix(`spec.template.spec.containers[app].env: Forbidden: cannot change in a running Pod`))
		set.Spec.Template.Spec.Containers[0].Image = "app:2"
		Expect(k8s.Update(ctx, set)).To(Succeed())
	})

	It("grows its claims where the StorageClass lets it", func(ctx SpecContext) {
		set := expanding(newSet("claims"), ptr.To("elastic"))
		store(ctx, set)
		Expect(k8s.Update(ctx, resized(set, "20Gi"))).To(Succeed())
		Expect(refusal(k8s.Update(ctx, resized(set.DeepCopy(), "10Gi")))).To(ContainSubstring("claims cannot shrink"))

		rigid := expanding(newSet("rigid-claims"), ptr.To("rigid"))
		warnings.Take()
		store(ctx, rigid)
		Expect(warnings.Take()).To(ConsistOf(ContainSubstring(`claims of "data" cannot grow`)))
		Expect(refusal(k8s.Update(ctx, resized(rigid.DeepCopy(), "20Gi")))).To(ContainSubstring(`cannot grow from 10Gi: StorageClass "rigid" does not have allowVolumeExpansion: true`))
		rigid.Spec.VolumeClaimUpdateStrategy.Type = v1beta1.OnDeleteVolumeClaimUpdateStrategy
		Expect(k8s.Update(ctx, resized(rigid, "20Gi"))).To(Succeed())
	})

	It("may update in parallel when its Pods are made in order, by OnDelete, and without rollingUpdate", func(ctx SpecContext) {
		parallel := withPolicy(newSet("parallel-updates"), "")
		parallel.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable = ptr.To(percent("50%"))
		store(ctx, parallel)
		onDelete := newSet("on-delete")
		onDelete.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType
		store(ctx, onDelete)
		Expect(parallel.Spec.PodManagementPolicy).To(Equal(appsv1.OrderedReadyPodManagement))
	})

	It("is scaled without the webhook being asked", func(ctx SpecContext) {
		const long = "a-name-of-sixty-one-characters-that-leaves-room-for-one-digit"
		set := newSet(long)
		store(ctx, set)
		many := set.DeepCopy()
		many.Spec.Replicas = ptr.To[int32](11)
		Expect(refusal(k8s.Update(ctx, many))).To(ContainSubstring("must leave room for the ordinals"))

		scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 11}}
		Expect(k8s.SubResource("scale").Update(ctx, set, client.WithSubResourceBody(scale))).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), set)).To(Succeed())
		Expect(*set.Spec.Replicas).To(BeEquivalentTo(11))
		set.Annotations = map[string]string{"example.com/note": "still editable"}
		Expect(k8s.Update(ctx, set)).To(Succeed())
	})

	It("changes without the webhook being asked when neither its labels nor its spec do", func(ctx SpecContext) {
		set := newSet("annotated")
		store(ctx, set)
		before := questions.Load()
		set.Annotations, set.Finalizers = map[string]string{"a": "b"}, []string{"example.com/wait"}
		Expect(k8s.Update(ctx, set)).To(Succeed())
		set.Finalizers = nil
		Expect(k8s.Update(ctx, set)).To(Succeed())
		Expect(questions.Load()).To(Equal(before))
		set.Labels = map[string]string{"a": "b"}
		Expect(k8s.Update(ctx, set)).To(Succeed())
		Expect(questions.Load()).To(Equal(before + 1))
	})
})
