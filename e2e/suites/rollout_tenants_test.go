// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// tenantsLabel is the label by which one SidecarSet reaches the namespaces of several tenants.
const tenantsLabel = "e2e.windlass/tenants"

var _ = Describe("A SidecarSet over five tenants", func() {
	It("waits for none of the others where one is healthy, is rolled out to these as far as can be, and says why not further", func(ctx SpecContext) {
		t := newTenants(ctx)
		refusing, finished, gated, guarded, healthy := t.add(ctx), t.add(ctx), t.add(ctx), t.add(ctx), t.add(ctx)

		runWorkload(ctx, framework.Deployment(healthy, "app", 3))
		runWorkload(ctx, framework.Deployment(guarded, "app", 2))
		allowNothing(ctx, guarded)
		runJob(ctx, finished)
		pod := framework.UnscheduledPod(gated, "gated", "app")
		pod.Spec.SchedulerName, pod.Spec.SchedulingGates = "", []corev1.PodSchedulingGate{{Name: "e2e.windlass/quota"}}
		createPod(ctx, pod)
		runWorkload(ctx, framework.Deployment(refusing, "app", 2)) // the youngest, so it is asked first
		lift := refuseImage(ctx, refusing, framework.SidecarContainer, framework.SidecarImageV2)
		awaitCounters(ctx, t.set, counters{Matched: 9, Updated: 9, Ready: 7, UpdatedReady: 7})

		began := time.Now()
		changeSet(ctx, t.set, setImage(framework.SidecarImageV2))
		Eventually(ctx, t.updated(ctx, healthy)).Should(Equal(3), "Pods of the healthy tenant that run the new sidecar, while all that is in the way of the others is there")
		figure("healthy tenant done", "%.1f s", time.Since(began).Seconds())
		for namespace, want := range map[string]int{finished: 1, gated: 1, refusing: 0, guarded: 0} {
			Eventually(ctx, t.holding(ctx, namespace)).Should(Equal(want), "Pods with the new image in %s", namespace)
		}
		figure("all others as far as can be", "%.1f s", time.Since(began).Seconds())
		Eventually(ctx, func() string { return conditionMessage(ctx, t.set, v1beta1.ConditionReady) }).Should(And(
			ContainSubstring(refusing+"/app-"), ContainSubstring("the image is not released"),
			ContainSubstring(finished+"/job-"), ContainSubstring("has ended"),
			ContainSubstring(gated+"/gated (it waits for its scheduling gates"),
			ContainSubstring("PodDisruptionBudget "+guarded+"/")))
		figure("Ready", "%s", conditionMessage(ctx, t.set, v1beta1.ConditionReady))

		By("going on by itself when nothing is refused any more, and not waiting for those that are down for reasons of their own")
		lift(ctx)
		began = time.Now()
		Eventually(ctx, t.updated(ctx, refusing)).Should(Equal(2))
		figure("refusing tenant done", "%.1f s after its policy was lifted", time.Since(began).Seconds())
		Expect(t.holding(ctx, guarded)()).To(BeZero(), "Pods with the new image that their PodDisruptionBudget keeps")

		By("completing once PodDisruptionBudgets are not asked any more")
		changeSet(ctx, t.set, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.DisruptionBudgets = v1beta1.IgnoreDisruptionBudgets
		})
		awaitCondition(ctx, t.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		Expect(t.updated(ctx, guarded)()).To(Equal(2))
		Expect(conditionMessage(ctx, t.set, v1beta1.ConditionReconciling)).To(BeEmpty())
		Expect(conditionMessage(ctx, t.set, v1beta1.ConditionReady)).To(ContainSubstring(finished + "/job-"))
	}, SpecTimeout(framework.SpecPatience))
})

// tenants are namespaces with one SidecarSet over all of them.
type tenants struct{ label, set string }

func newTenants(ctx context.Context) *tenants {
	GinkgoHelper()
	home := newNamespace(ctx, nil)
	set := framework.SidecarSet(home, home, "app")
	set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{tenantsLabel: home}}
	return &tenants{label: home, set: createSet(ctx, set).Name}
}

// add makes the namespace of one more tenant, and waits until its Pods are injected.
func (t *tenants) add(ctx context.Context) string {
	GinkgoHelper()
	namespace := newNamespace(ctx, map[string]string{tenantsLabel: t.label})
	awaitInjection(ctx, namespace, t.set)
	return namespace
}

// holding counts a tenant's Pods whose spec has the new sidecar.
func (t *tenants) holding(ctx context.Context, namespace string) func() int {
	return func() int {
		pods, err := cluster.Pods(ctx, namespace, map[string]string{framework.AppLabel: "app"})
		Expect(err).NotTo(HaveOccurred())
		return len(holding(pods, framework.SidecarImageV2))
	}
}

// updated counts those that run it and are ready. A container that has restarted since the Pod was made runs it; the image
// that the kubelet tells may be any other tag of the same content, which other specs make.
func (t *tenants) updated(ctx context.Context, namespace string) func() int {
	return func() (n int) {
		pods, err := cluster.Pods(ctx, namespace, map[string]string{framework.AppLabel: "app"})
		Expect(err).NotTo(HaveOccurred())
		for _, pod := range holding(pods, framework.SidecarImageV2) {
			for _, status := range pod.Status.ContainerStatuses {
				if status.Name == framework.SidecarContainer && status.RestartCount > 0 && status.Ready {
					n++
				}
			}
		}
		return n
	}
}

// allowNothing is a PodDisruptionBudget under which no Pod may be evicted.
func allowNothing(ctx context.Context, namespace string) {
	GinkgoHelper()
	Expect(cluster.Client.Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "nothing"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: ptr.To(intstr.FromInt32(0)),
			Selector:       &metav1.LabelSelector{MatchLabels: map[string]string{framework.AppLabel: "app"}},
		},
	})).To(Succeed())
}

// runJob runs a Job until its own container has ended; its Pod goes on, for the sidecar does.
func runJob(ctx context.Context, namespace string) {
	GinkgoHelper()
	template := framework.Deployment(namespace, "app", 1).Spec.Template
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	template.Spec.Containers[0].Args = []string{"exit", "0"}
	template.Spec.Containers[0].ReadinessProbe = nil
	Expect(cluster.Client.Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "job"}, Spec: batchv1.JobSpec{Template: template},
	})).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		pods, err := cluster.Pods(ctx, namespace, map[string]string{framework.AppLabel: "app"})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(pods).To(HaveLen(1))
		ended, serves := false, false
		for _, status := range pods[0].Status.ContainerStatuses {
			ended = ended || status.Name == framework.AppContainer && status.State.Terminated != nil
			serves = serves || status.Name == framework.SidecarContainer && status.Ready
		}
		g.Expect(ended && serves).To(BeTrue(), "the application has ended, the sidecar serves")
	}).Should(Succeed())
}

// refuseImage has the API server refuse an image in a container of the running Pods of a namespace, and returns how to
// lift that.
func refuseImage(ctx context.Context, namespace, container, image string) (lift func(context.Context)) {
	GinkgoHelper()
	policy, binding := build.PodPolicy(namespace, admissionv1.Update,
		`object.spec.containers.all(c, c.image != "`+image+`")`, "the image is not released")
	Expect(cluster.Client.Create(ctx, policy)).To(Succeed())
	Expect(cluster.Client.Create(ctx, binding)).To(Succeed())
	lift = func(ctx context.Context) {
		GinkgoHelper()
		Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, binding))).To(Succeed())
		Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, policy))).To(Succeed())
	}
	DeferCleanup(lift)
	pods, err := cluster.Pods(ctx, namespace, map[string]string{framework.AppLabel: "app"})
	Expect(err).NotTo(HaveOccurred())
	patch := []byte(`{"spec": {"containers": [{"name": "` + container + `", "image": "` + image + `"}]}}`)
	Eventually(ctx, func() error { // until the API server knows the policy
		return cluster.Client.Patch(ctx, pods[0].DeepCopy(), client.RawPatch(types.StrategicMergePatchType, patch), client.DryRunAll)
	}).Should(MatchError(ContainSubstring("the image is not released")))
	return lift
}
