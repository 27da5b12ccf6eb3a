// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("The rules of SchedPatches", func() {
	It("come from several patches in the order of their priority", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		low := patchFor(namespace, "apps/v1", "Deployment", "cart", selecting("disk", "ssd"))
		high := patchFor(namespace, "apps/v1", "Deployment", "cart", selecting("disk", "nvme"))
		low.Name, high.Name, high.Spec.Priority = "a-low", "b-high", 10
		createPatch(ctx, high)
		Expect(cluster.Client.Create(ctx, low)).To(Succeed())
		third := patchFor(namespace, "apps/v1", "Deployment", "cart", selecting("arch", "arm64"))
		third.Name = "c-third"
		createPatch(ctx, third)
		Expect(cluster.Client.Create(ctx, idleDeployment(namespace, 2))).To(Succeed())

		for _, pod := range awaitCount(ctx, namespace, "cart", 2) {
			Expect(pod.Spec.NodeSelector).To(Equal(map[string]string{"disk": "nvme", "arch": "arm64"}))
			Expect(pod.Annotations[v1beta1.SchedPatchesAnnotation]).To(MatchRegexp(`^b-high@\w+,c-third@\w+$`))
		}
		awaitPatchReport(ctx, high, patchReport{Matched: 2, Patched: 2, Ready: "True Active"})
		awaitPatchReport(ctx, third, patchReport{Matched: 2, Patched: 2, Ready: "True Active"})
		awaitPatchReport(ctx, low, patchReport{Matched: 2, Skipped: 2, Ready: "False Conflict"})
		figure("the patch that comes too late", "%s", patchMessage(low))
	}, SpecTimeout(framework.SpecPatience))

	It("leave a Pod that contradicts alone, or deny it", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		deployment := idleDeployment(namespace, 2)
		deployment.Spec.Template.Spec.NodeSelector = map[string]string{"disk": "hdd"}
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart", selecting("disk", "ssd")))
		Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())
		pods := awaitCount(ctx, namespace, "cart", 2)
		Expect(patchedOf(pods, patch.Name)).To(BeEmpty())
		awaitPatchReport(ctx, patch, patchReport{Matched: 2, Skipped: 2, Ready: "False Conflict"})
		figure("Skip", "%s", patchMessage(patch))

		By("denying")
		changePatch(ctx, patch, func(spec *v1alpha1.SchedPatchSpec) { spec.OnConflict = v1alpha1.SchedPatchConflictReject })
		contradict := func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{"disk": "hdd"} }
		Eventually(ctx, func() error {
			_, err := tryPod(ctx, patch, contradict)
			return err
		}).Should(MatchError(ContainSubstring(`nodeSelector disk is "hdd" in the Pod and "ssd" in the patch`)))
		_, err := tryPod(ctx, patch, contradict)
		figure("Reject", "%v", err)
		awaitPatchReport(ctx, patch, patchReport{Matched: 2, Ready: "False Conflict"})
		Expect(meta.IsStatusConditionTrue(patch.Status.Conditions, v1beta1.ConditionStalled)).To(BeTrue())
		scaleTo(ctx, deployment, 4)
		Eventually(ctx, func() ([]appsv1.DeploymentCondition, error) {
			err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)
			return deployment.Status.Conditions, err
		}).Should(ContainElement(And(HaveField("Type", appsv1.DeploymentReplicaFailure), HaveField("Status", corev1.ConditionTrue))))
		Expect(cluster.Pods(ctx, namespace, nil)).To(HaveLen(2))
	}, SpecTimeout(framework.SpecPatience))

	It("go to as many Pods as maxPods says, or a few more", func(ctx SpecContext) {
		const most, all = 3, 20
		namespace := newNamespace(ctx, nil)
		simulatedNodes(ctx, namespace, 1)
		// A place of maxPods is given to Pods whose owner is there, which a probe's is not.
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart"))
		changePatch(ctx, patch, func(spec *v1alpha1.SchedPatchSpec) { spec.MaxPods = ptr.To[int32](most) })
		Expect(cluster.Client.Create(ctx, idleDeployment(namespace, all))).To(Succeed())
		patched := len(patchedOf(awaitCount(ctx, namespace, "cart", all), patch.Name))
		Expect(patched).To(And(BeNumerically(">=", most), BeNumerically("<=", most*replicas)), "each replica of the webhook counts for itself")
		awaitPatchReport(ctx, patch, patchReport{Matched: all, Patched: int32(patched), Ready: "True Active"})
		figure("maxPods", "%d of %d Pods patched with maxPods %d: %s", patched, all, most, patchMessage(patch))
	}, SpecTimeout(framework.SpecPatience))

	It("end when the patch does, at once", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		simulatedNodes(ctx, namespace, 1)
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart"))
		Expect(cluster.Client.Create(ctx, idleDeployment(namespace, 2))).To(Succeed())
		awaitCount(ctx, namespace, "cart", 2)
		awaitPatchReport(ctx, patch, patchReport{Matched: 2, Patched: 2, Ready: "True Active"})
		age := time.Since(patch.CreationTimestamp.Time) // it ends in a while, however long all this took
		changePatch(ctx, patch, func(spec *v1alpha1.SchedPatchSpec) { spec.TTLSeconds = ptr.To(int32((age + 20*time.Second).Seconds())) })
		awaitPatchSeen(ctx, patch)
		Expect(patch.Status.ExpiresAt).NotTo(BeNil())

		time.Sleep(time.Until(patch.Status.ExpiresAt.Time))
		for range probes {
			pod, err := tryPod(ctx, patch, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(carries(pod, patch.Name)).To(BeFalse())
		}
		awaitPatchReport(ctx, patch, patchReport{Matched: 2, Patched: 2, Ready: "True Expired"})
		Expect(meta.IsStatusConditionTrue(patch.Status.Conditions, v1beta1.ConditionExpired)).To(BeTrue())
	}, SpecTimeout(framework.SpecPatience))

	It("are previewed as they are then applied", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		simulatedNodes(ctx, namespace, 3)
		deployment := framework.Deployment(namespace, "cart", 0)
		deployment.Spec.Template.Spec.Affinity = requiring(corev1.LabelOSStable, "linux")
		deployment.Spec.Template.Spec.Tolerations = []corev1.Toleration{{Key: "spot", Operator: corev1.TolerationOpExists}}
		deployment.Spec.Template.Spec.TopologySpreadConstraints = nil
		Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart", func(spec *v1alpha1.SchedPatchSpec) {
			spec.Mode = v1alpha1.SchedPatchPreview
			spec.NodeSelector = map[string]string{corev1.LabelHostname: namespace + "-1"}
		}))
		Eventually(ctx, func(g Gomega) {
			g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(patch), patch)).To(Succeed())
			g.Expect(patch.Status.Preview).NotTo(BeNil())
			g.Expect(patch.Status.Preview.EligibleNodes).To(Equal([]string{namespace + "-1"}))
		}).Should(Succeed())
		preview := patch.Status.Preview.DeepCopy()
		scaleTo(ctx, deployment, 1)
		before := awaitCount(ctx, namespace, "cart", 1)[0]
		Expect(carries(&before, patch.Name)).To(BeFalse(), "a preview patches nothing")
		Expect(before.Spec.NodeSelector).To(BeEmpty())

		By("making it active")
		changePatch(ctx, patch, func(spec *v1alpha1.SchedPatchSpec) { spec.Mode = v1alpha1.SchedPatchActive })
		awaitPatching(ctx, patch)
		scaleTo(ctx, deployment, 2)
		pods := awaitCount(ctx, namespace, "cart", 2)
		names := patchedOf(pods, patch.Name)
		Expect(names).To(HaveLen(1))
		awaitReadyOn(ctx, client.ObjectKey{Namespace: namespace, Name: names[0]}, func(node *corev1.Node) bool { return node.Name == preview.EligibleNodes[0] })
		after := &corev1.Pod{}
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: names[0]}, after)).To(Succeed())
		Expect(after.Spec.Affinity).To(Equal(preview.Affinity))
		Expect(after.Spec.NodeSelector).To(Equal(preview.NodeSelector))
		Expect(after.Spec.Tolerations).To(ConsistOf(append(preview.Tolerations, defaultTolerations()...)))
		figure("preview", "%s", asJSON(preview))
	}, SpecTimeout(framework.SpecPatience))

	It("are shown by kubectl create --dry-run=server, which changes nothing", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart", selecting(corev1.LabelOSStable, "linux")))
		Expect(cluster.Client.Create(ctx, idleDeployment(namespace, 1))).To(Succeed())
		awaitCount(ctx, namespace, "cart", 1)
		awaitPatchReport(ctx, patch, patchReport{Matched: 1, Patched: 1, Ready: "True Active"})
		before := patch.ResourceVersion

		manifest := podOf(patch, "shown")
		manifest.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
		shown := &corev1.Pod{}
		Expect(json.Unmarshal([]byte(kubectl(ctx, asJSON(manifest), "create", "--dry-run=server", "--output=json", "--filename", "-")), shown)).To(Succeed())
		Expect(carries(shown, patch.Name)).To(BeTrue())
		Expect(shown.Spec.NodeSelector).To(Equal(map[string]string{corev1.LabelOSStable: "linux"}))
		Consistently(ctx, func() (string, error) {
			err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(patch), patch)
			return patch.ResourceVersion, err
		}, "3s").Should(Equal(before), "the SchedPatch")
	}, SpecTimeout(framework.SpecPatience))
})

// defaultTolerations are those that the API server gives to every Pod.
func defaultTolerations() []corev1.Toleration {
	out := []corev1.Toleration{}
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		out = append(out, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](300)})
	}
	return out
}

func asJSON(value any) string {
	GinkgoHelper()
	data, err := json.Marshal(value)
	Expect(err).NotTo(HaveOccurred())
	return string(data)
}
