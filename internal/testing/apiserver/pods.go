// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// Refuse has an API server refuse an operation on the Pods of a namespace, as build.PodPolicy says, once attempt has
// been refused. The returned function, or the end of the test, lifts that.
func Refuse(
	ctx context.Context, c client.Client, namespace string, operation admissionv1.OperationType, expression, message string,
	attempt func() error,
) (lift func(context.Context)) {
	GinkgoHelper()
	policy, binding := build.PodPolicy(namespace, operation, expression, message)
	Expect(c.Create(ctx, policy)).To(Succeed())
	Expect(c.Create(ctx, binding)).To(Succeed())
	lift = func(ctx context.Context) {
		GinkgoHelper()
		Expect(client.IgnoreNotFound(c.Delete(ctx, binding))).To(Succeed())
		Expect(client.IgnoreNotFound(c.Delete(ctx, policy))).To(Succeed())
	}
	DeferCleanup(lift)
	Eventually(attempt).WithTimeout(Patience).Should(MatchError(ContainSubstring(message)), "the API server heeds the policy")
	return lift
}

// AddNode adds a Node that is Ready and has room, unless there is one of this name. change, if not nil, changes it.
func AddNode(ctx context.Context, c client.Client, name string, change func(*corev1.Node)) {
	GinkgoHelper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"),
		corev1.ResourcePods: resource.MustParse("110"),
	}
	status := corev1.NodeStatus{
		Capacity: capacity, Allocatable: capacity,
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: "v1.37.1"},
	}
	node.Status = *status.DeepCopy()
	if change != nil {
		change(node)
	}
	status = node.Status
	err := c.Create(ctx, node)
	if apierrors.IsAlreadyExists(err) {
		return
	}
	Expect(err).NotTo(HaveOccurred())
	node.Status = status
	Expect(c.Status().Update(ctx, node)).To(Succeed())
	node.Spec.Taints = nil // new Nodes are tainted until somebody says that they are ready
	Expect(c.Update(ctx, node)).To(Succeed())
}

// Resized has the kubelet report the resources that the spec asks for.
func Resized(pod *corev1.Pod) {
	report := func(containers []corev1.Container, statuses []corev1.ContainerStatus) {
		for i := range containers {
			for j := range statuses {
				if statuses[j].Name == containers[i].Name {
					statuses[j].Resources = containers[i].Resources.DeepCopy()
				}
			}
		}
	}
	report(pod.Spec.Containers, pod.Status.ContainerStatuses)
	report(pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
}

// GatesOpen reports whether all readiness gates of a Pod are True.
func GatesOpen(pod *corev1.Pod) bool {
	for _, gate := range pod.Spec.ReadinessGates {
		if !pods.IsTrue(pods.Condition(pod, gate.ConditionType)) {
			return false
		}
	}
	return true
}
