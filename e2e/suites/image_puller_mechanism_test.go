// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// That a node has an image is learned from a Pod whose container cannot start, since its command is in no image. What
// the kubelet and the runtime say of such a Pod is nowhere promised, so it is held here, without anything of ours.
var _ = Describe("A Pod whose command is in no image", func() {
	It("tells what the node has, and nothing of the image runs", func(ctx SpecContext) {
		if options.Registry == "" {
			Skip("-registry is not set: an image that no node has cannot be pushed")
		}
		namespace := newNamespace(ctx, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
		nodes, err := cluster.Nodes(ctx)
		Expect(err).NotTo(HaveOccurred())
		image := "ghcr.io/windlass-operator/unpulled:" + namespace
		Expect(cluster.PushWebhook(ctx, image)).To(Succeed())

		By("asking for an image that the node does not have yet, and for the same one again")
		for _, name := range []string{"absent", "present"} {
			status := pullerStatus(ctx, pullerPod(namespace, name, nodes[0], image), corev1.PodFailed)
			Expect(status.State.Terminated).NotTo(BeNil(), "state of %s: %+v", name, status.State)
			Expect(status.State.Terminated.Reason).To(Equal("StartError"))
			Expect(status.ImageID).To(ContainSubstring("@sha256:"))
			Expect(status.RestartCount).To(BeZero())
		}

		By("asking for a tag that the registry does not have")
		status := pullerStatus(ctx, pullerPod(namespace, "wrong-tag", nodes[0], missingImage), corev1.PodPending)
		Expect(status.State.Waiting).NotTo(BeNil())
		Expect(status.State.Waiting.Reason).To(BeElementOf("ErrImagePull", "ImagePullBackOff"))
		Expect(status.State.Waiting.Message).To(ContainSubstring("not found"))
		Expect(status.ImageID).To(BeEmpty())

		By("asking for what is no name of an image")
		status = pullerStatus(ctx, pullerPod(namespace, "no-name", nodes[0], "ghcr.io/Windlass:v1"), corev1.PodPending)
		Expect(status.State.Waiting).NotTo(BeNil())
		Expect(status.State.Waiting.Reason).To(Equal("InvalidImageName"))
	}, SpecTimeout(framework.SpecPatience))
})

// pullerPod is a Pod for a node and an image, as the level restricted takes it.
func pullerPod(namespace, name, node, image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			NodeName:                     node,
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: ptr.To(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](65532),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: framework.AppContainer, Image: image, Command: []string{"/apps.kruise.io/image-puller"},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi"),
				}},
			}},
		},
	}
}

// pullerStatus creates the Pod, waits until its container is past ContainerCreating and the Pod in the phase, and
// returns what is said of the container.
func pullerStatus(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase) corev1.ContainerStatus {
	GinkgoHelper()
	began := time.Now()
	Expect(cluster.Client.Create(ctx, pod)).To(Succeed())
	var status corev1.ContainerStatus
	Eventually(ctx, func(g Gomega) {
		g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		g.Expect(pod.Status.Phase).To(Equal(phase))
		status = framework.ContainerStatus(pod, framework.AppContainer)
		g.Expect(status.Name).NotTo(BeEmpty())
		if waiting := status.State.Waiting; waiting != nil {
			g.Expect(waiting.Reason).NotTo(Equal("ContainerCreating"))
		}
	}).Should(Succeed())
	figure(pod.Name, "known after %.1f s", time.Since(began).Seconds())
	return status
}
