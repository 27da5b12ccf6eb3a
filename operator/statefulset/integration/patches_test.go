// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/operator/apply"
)

var _ = Describe("A patch of a Pod that is not Ready", func() {
	for name, write := range map[string]struct {
		subresource string
		change      func(*podpatch.Patch)
	}{
		"of the Pod itself":         {"", func(p *podpatch.Patch) { p.Image("app", "app:2") }},
		"of the subresource resize": {apply.Resize, func(p *podpatch.Patch) { p.Resources("app", build.Resources("50m", "64Mi")) }},
	} {
		It(name+" is taken while its kubelet writes, and refused once it is Ready", func(ctx SpecContext) {
			pod := notReady(ctx)
			patch := func() error {
				p := podpatch.New(pod).StillNotReady()
				write.change(p)
				return apply.Pod(ctx, k8s, pod, write.subresource, p)
			}
			report(ctx, pod, func(now *corev1.Pod) { pods.Condition(now, corev1.PodReady).Status = corev1.ConditionTrue })
			Expect(apply.IsStale(patch())).To(BeTrue(), "it is Ready by now")
			report(ctx, pod, func(now *corev1.Pod) {
				pods.Condition(now, corev1.PodReady).Status = corev1.ConditionFalse
				now.Status.ContainerStatuses[0].RestartCount++
			})
			Expect(patch()).To(Succeed())
		})
	}
})

// notReady is a Pod of a node that resizes Pods. Its only container runs, and is not ready.
func notReady(ctx context.Context) *corev1.Pod {
	GinkgoHelper()
	apiserver.AddNode(ctx, k8s, "node-1", nil)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(ctx), Name: "web-0"}}
	pod.Spec.NodeName = "node-1"
	pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "app:1", Resources: build.Resources("100m", "64Mi")}}
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { _ = k8s.Delete(ctx, apply.Identity(pod), client.GracePeriodSeconds(0)) })
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse},
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
	}}
	apiserver.Resized(pod)
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
	return pod
}

// report writes the status of a Pod that a test goes on seeing as it was.
func report(ctx context.Context, seen *corev1.Pod, change func(now *corev1.Pod)) {
	GinkgoHelper()
	now := &corev1.Pod{}
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(seen), now)).To(Succeed())
	change(now)
	Expect(k8s.Status().Update(ctx, now)).To(Succeed())
}
