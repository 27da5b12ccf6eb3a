// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// A node without its registry still has the images that it pulled before: sidecars start there, applications do not.
var _ = Describe("Auto remediation beside sidecars that start on a bad node", Ordered, Serial, Label("remediation"), func() {
	var good string
	var moved, started, sidecarFails *recorded

	BeforeAll(func(ctx SpecContext) {
		nodes, err := cluster.Nodes(ctx)
		Expect(err).NotTo(HaveOccurred())
		cacheImages(ctx, nodes[0], framework.AppImage, framework.SidecarImage)
		namespaces := []string{injectedNamespace(ctx, nil), injectedNamespace(ctx, nil), injectedNamespace(ctx, nativeCrashing)}
		var bad string
		bad, good = twoNodes(ctx)
		Expect(bad).To(Equal(nodes[0]))
		moved = startRecorded(ctx, namespaces[0], 2, withRemediation, withSpread)
		started = startRecorded(ctx, namespaces[1], 1, withRemediation, rather(bad), withCrashingAppAndStuckHelper)
		sidecarFails = startRecorded(ctx, namespaces[2], 1, withRemediation, rather(good), withPullPolicy(corev1.PullIfNotPresent))
	}, NodeTimeout(framework.SpecPatience))

	It("moves the Pod although its sidecar runs, with one deletion and no sooner than it may", func(ctx SpecContext) {
		moved.expectMoved(ctx, good)
		var gone *corev1.Pod
		for _, change := range moved.history.Changes() {
			if change.After == nil {
				gone = change.Before
			}
		}
		Expect(gone).NotTo(BeNil())
		sidecar := framework.ContainerStatus(gone, framework.SidecarContainer)
		Expect(sidecar).NotTo(BeNil())
		Expect(sidecar.LastTerminationState.Terminated != nil || sidecar.State.Running != nil || sidecar.State.Terminated != nil).To(BeTrue(),
			"the sidecar of the Pod that was deleted has run")
		Expect(gone.DeletionTimestamp).NotTo(BeNil())
		took := gone.DeletionTimestamp.Sub(moved.since)
		figure("moved", "Pod %s was deleted after %.0f s, twice stuckSeconds being %d s", gone.Name, took.Seconds(), 2*stuckSeconds)
		Expect(took).To(BeNumerically(">=", (stuckSeconds-1)*time.Second), "times of deletion are cut off to a second")
	}, SpecTimeout(framework.SpecPatience))

	It("leaves a Pod whose application ran for a second, and says so", func(ctx SpecContext) {
		started.expectLeft(ctx, "False ApplicationStarted")
	}, SpecTimeout(framework.SpecPatience))

	It("leaves a Pod whose native sidecar crashes, and says so", func(ctx SpecContext) {
		sidecarFails.expectLeft(ctx, "False SidecarFailing")
		app := framework.ContainerStatus(sidecarFails.pod(ctx, 0), framework.AppContainer)
		Expect(app.State.Waiting).NotTo(BeNil(), "the application, which waits for its sidecar")
	}, SpecTimeout(framework.SpecPatience))

	It("says both when twice that time has passed, and deletes nothing", func(ctx SpecContext) {
		pass(ctx, time.Until(started.since.Add(2*stuckSeconds*time.Second)))
		started.expectLeft(ctx, "False ApplicationStarted")
		sidecarFails.expectLeft(ctx, "False SidecarFailing")
	}, SpecTimeout(framework.SpecPatience))
})

// injectedNamespace is a namespace whose application gets a sidecar of what the node has.
func injectedNamespace(ctx context.Context, change func(*v1beta1.SidecarSet)) string {
	GinkgoHelper()
	namespace := newNamespace(ctx, nil)
	set := framework.SidecarSet(namespace, namespace, "app")
	set.Spec.Containers[0].ImagePullPolicy = corev1.PullIfNotPresent
	if change != nil {
		change(set)
	}
	createSet(ctx, set)
	awaitInjection(ctx, namespace, set.Name)
	return namespace
}

// nativeCrashing makes the sidecar a native one that ends as soon as it has started.
func nativeCrashing(set *v1beta1.SidecarSet) {
	native := set.Spec.Containers[0]
	native.RestartPolicy, native.Args, native.ReadinessProbe = ptr.To(corev1.ContainerRestartPolicyAlways), []string{"exit", "3"}, nil
	native.StartupProbe = framework.HTTPProbe(8081) // or the application would start beside it
	set.Spec.InitContainers, set.Spec.Containers = []v1beta1.SidecarContainer{native}, nil
}

// withCrashingAppAndStuckHelper lets the application run for a second, again and again, beside a container whose image
// has to be pulled.
func withCrashingAppAndStuckHelper(set *v1beta1.StatefulSet) {
	spec := &set.Spec.Template.Spec
	helper := spec.Containers[0]
	helper.Name, helper.ReadinessProbe, helper.Args = "helper", nil, []string{"sleep"}
	spec.Containers[0].ImagePullPolicy, spec.Containers[0].Args = corev1.PullIfNotPresent, []string{"crash-after", "1s"}
	spec.Containers = append(spec.Containers, helper)
}

// cacheImages lets a node pull images.
func cacheImages(ctx context.Context, node string, images ...string) {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(ctx, nil), Name: "pull"},
		Spec:       corev1.PodSpec{NodeName: node, TerminationGracePeriodSeconds: ptr.To[int64](1)},
	}
	for i, image := range images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: string(rune('a' + i)), Image: image, Args: []string{"sleep"}})
	}
	createPod(ctx, pod)
	Eventually(ctx, func() (corev1.PodPhase, error) {
		seen, err := cluster.Pods(ctx, pod.Namespace, nil)
		if err != nil || len(seen) == 0 {
			return "", err
		}
		return seen[0].Status.Phase, nil
	}).Should(Equal(corev1.PodRunning), "the Pod that pulls")
}
