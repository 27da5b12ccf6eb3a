// SPDX-License-Identifier: Apache-2.0

package walk

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var sidecarSetKind = v1beta1.GroupVersion.WithKind("SidecarSet")

var _ = Describe("A SidecarSet", func() {
	rolled, rests := reading{"Current", "Healthy", "-"}, reading{"Current", "Suspended", "-"}

	It("is taken for done only when it is", func(ctx SpecContext) {
		set, namespace := injected(ctx, 3)
		h := record(ctx, map[schema.GroupVersionKind]string{sidecarSetKind: "", podKind: namespace})

		By("changing the image")
		changeSidecars(ctx, set, func(spec *v1beta1.SidecarSetSpec) { spec.Containers[0].Image = "agent:2" })
		expectReading(ctx, set, rolled, "rolled out")

		By("changing it for two Pods of three")
		changeSidecars(ctx, set, func(spec *v1beta1.SidecarSetSpec) {
			spec.Containers[0].Image, spec.UpdateStrategy.Partition = "agent:3", ptr.To(intstr.FromInt32(1))
		})
		expectReading(ctx, set, rests, "at the partition")

		By("changing it for all, and pausing as soon as a Pod is changed")
		changeSidecars(ctx, set, func(spec *v1beta1.SidecarSetSpec) {
			spec.Containers[0].Image, spec.UpdateStrategy.Partition = "agent:4", ptr.To(intstr.FromInt32(0))
		})
		Eventually(func(g Gomega) {
			pods := &corev1.PodList{}
			g.Expect(k8s.List(ctx, pods, client.InNamespace(namespace))).To(Succeed())
			g.Expect(pods.Items).To(ContainElement(HaveField("Spec.Containers", ContainElement(HaveField("Image", "agent:4")))))
		}).WithContext(ctx).Should(Succeed())
		changeSidecars(ctx, set, func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = true })
		expectReading(ctx, set, rests, "paused")

		By("resuming")
		changeSidecars(ctx, set, func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = false })
		expectReading(ctx, set, rolled, "rolled out at last")

		h.complete(ctx, namespace)
		expectTruth(h, set, wrongSidecars)
	})
})

// injected makes a set with one sidecar, agent, at agent:1, and Pods that run it.
func injected(ctx context.Context, count int) (set *v1beta1.SidecarSet, namespace string) {
	GinkgoHelper()
	namespace = newNamespace(ctx)
	set = build.MakeSidecarSet(namespace).Container("agent", "agent:1").Spec(func(spec *v1beta1.SidecarSetSpec) {
		spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
	}).Obj()
	set.ObjectMeta = metav1.ObjectMeta{Name: namespace}
	Expect(k8s.Create(ctx, set)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, set))).To(Succeed()) })
	node(namespace, set)
	for i := range count {
		inject(ctx, set, namespace, fmt.Sprintf("web-%d", i))
	}
	Eventually(func(g Gomega) {
		pods := &corev1.PodList{}
		g.Expect(k8s.List(ctx, pods, client.InNamespace(namespace))).To(Succeed())
		for i := range pods.Items {
			g.Expect(is(&pods.Items[i], corev1.PodReady)).To(BeTrue())
		}
		fresh := &v1beta1.SidecarSet{}
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), fresh)).To(Succeed())
		g.Expect(fresh.Status.UpdatedReadyPods).To(BeEquivalentTo(count))
	}).WithContext(ctx).Should(Succeed(), "the Pods run, and the operator has counted them")
	return set, namespace
}

func changeSidecars(ctx context.Context, set *v1beta1.SidecarSet, change func(spec *v1beta1.SidecarSetSpec)) {
	GinkgoHelper()
	before := set.DeepCopy()
	change(&set.Spec)
	Expect(k8s.Patch(ctx, set, client.MergeFrom(before))).To(Succeed())
}

// wrongSidecars says in which ways the sidecars are not what a version of their set asks for. A set that rests may have
// Pods with another image.
func wrongSidecars(before []event, object *unstructured.Unstructured) (wrongs []string) {
	set := &v1beta1.SidecarSet{}
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, set)).To(Succeed())
	_, reason := condition(object, "Ready")
	for name, pod := range podsAt(before) {
		if wrong := wrongPod(pod, set.Spec.Containers[0].Image, reason != v1beta1.ReasonComplete); wrong != "" {
			wrongs = append(wrongs, name+" "+wrong)
		}
	}
	return wrongs
}

// inject creates a Pod as the webhook lets it in.
func inject(ctx context.Context, object *v1beta1.SidecarSet, namespace, name string) {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
	set, err := sidecar.Compile(object)
	Expect(err).NotTo(HaveOccurred())
	injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, metav1.Now())
	Expect(err).NotTo(HaveOccurred())
	injection.Apply(pod)
	Expect(k8s.Create(ctx, pod)).To(Succeed())
}
