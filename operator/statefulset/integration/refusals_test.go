// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// refuse has the API server refuse Pods with image app:2 in the fixture's namespace. The returned function lifts that.
func (f *fixture) refuse(ctx context.Context, operation admissionv1.OperationType) (lift func(context.Context)) {
	GinkgoHelper()
	return apiserver.Refuse(ctx, k8s, f.namespace, operation,
		"object.spec.containers.all(c, !c.image.endsWith(':2'))", "2 is not released",
		func() error { return f.tryImage(ctx, operation) })
}

// tryImage asks whether a Pod may have image app:2.
func (f *fixture) tryImage(ctx context.Context, operation admissionv1.OperationType) error {
	if operation == admissionv1.Create {
		pod := build.MakePod("probe").New().Obj()
		pod.ObjectMeta = metav1.ObjectMeta{Namespace: f.namespace, Name: "probe"}
		pod.Spec.Containers[0].Image = "app:2"
		return k8s.Create(ctx, pod, client.DryRunAll)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "web-0"}}
	patch := `{"spec":{"containers":[{"name":"app","image":"app:2"}]}}`
	return k8s.Patch(ctx, pod, client.RawPatch("application/strategic-merge-patch+json", []byte(patch)), client.DryRunAll)
}

// serving returns what is wrong with any Pod of the set: not Ready, or another image than it began with.
func (f *fixture) serving(ctx context.Context) func() []string {
	return func() (wrong []string) {
		pods := &corev1.PodList{}
		Expect(k8s.List(ctx, pods, client.InNamespace(f.namespace))).To(Succeed())
		for i := range pods.Items {
			pod := &pods.Items[i]
			ready := false
			for _, c := range pod.Status.Conditions {
				ready = ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			}
			c := &pod.Spec.Containers[0]
			if !ready || pod.DeletionTimestamp != nil || c.Image != "app:1" {
				wrong = append(wrong, fmt.Sprintf("%s: ready %t, %s", pod.Name, ready, c.Image))
			}
		}
		return wrong
	}
}

var _ = Describe("A policy that refuses the new image", func() {
	four := func(b *build.StatefulSetBuilder) { b.Parallel().Replicas(4).MaxUnavailable("50%") }
	DescribeTable("costs no Pod its service",
		func(ctx SpecContext, operation admissionv1.OperationType, warning string, set func(b *build.StatefulSetBuilder)) {
			refusals := &apiserver.Refusals{}
			startOperator(ctx, refusals.Between)
			DeferCleanup(stopOperator)
			f := settled(ctx, func(b *build.StatefulSetBuilder) { four(b); set(b) })
			lift := f.refuse(ctx, operation)
			f.image(ctx, "app:2")
			Eventually(f.status(ctx)).Should(And(
				haveCondition(v1beta1.ConditionFailedUpdatePod, metav1.ConditionTrue, v1beta1.ReasonUpdateRefused),
				saying(v1beta1.ConditionReady, "2 is not released")))
			Consistently(f.serving(ctx)).WithTimeout(8*time.Second).WithPolling(100*time.Millisecond).Should(BeEmpty(), "every Pod is as it was")

			Eventually(refusals.In(f.namespace)).WithTimeout(time.Minute).Should(BeNumerically(">=", 12), "each of the four is tried three times")
			Expect(apiserver.Events(ctx, k8s, f.set, warning)).To(And(Not(BeEmpty()), HaveEach(1)), "the same warning once a minute")

			lift(ctx)
			Eventually(func() error { return f.tryImage(ctx, operation) }).Should(Succeed(), "the API server knows it")
			Eventually(f.updated(ctx)).WithTimeout(time.Minute).Should(BeNumerically(">", 0), "tried again within a minute")
			Eventually(f.status(ctx)).WithTimeout(2 * time.Minute).Should(haveCondition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete))
			Expect(f.serving(ctx)()).To(HaveLen(4), "every Pod has the new image")
		},
		Entry("in place", admissionv1.Update, "FailedUpdatePodInPlace", func(b *build.StatefulSetBuilder) { b.InPlace() }),
		Entry("by new Pods", admissionv1.Create, "FailedDelete", func(*build.StatefulSetBuilder) {}),
	)
})
