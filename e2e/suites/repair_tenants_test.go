// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// tenancies are the namespaces of several tenants, all of whose Pods missed the sidecars of one set.
type tenancies struct {
	label map[string]string
	set   string
}

// with runs a Deployment in a namespace of its own.
func (t *tenancies) with(ctx context.Context, replicas int32, change func(*appsv1.Deployment)) *appsv1.Deployment {
	GinkgoHelper()
	deployment := framework.Deployment(newNamespace(ctx, t.label), "app", replicas)
	if change != nil {
		change(deployment)
	}
	Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())
	return deployment
}

// injected counts the live Pods of a Deployment that hold the sidecar.
func (t *tenancies) injected(ctx context.Context, deployment *appsv1.Deployment) func() int {
	return func() (count int) {
		pods, err := cluster.Pods(ctx, deployment.Namespace, deployment.Spec.Selector.MatchLabels)
		Expect(err).NotTo(HaveOccurred())
		for i := range pods {
			if pods[i].DeletionTimestamp == nil && len(pods[i].Spec.Containers) == 2 {
				count++
			}
		}
		return count
	}
}

var _ = Describe("Repair over several tenants", func() {
	It("is held up by none of them, and names those whose Pods have to stay", func(ctx SpecContext) {
		t := &tenancies{label: map[string]string{"tenants": newNamespace(ctx, nil)}}
		healthy := t.with(ctx, 2, nil)
		guarded := t.with(ctx, 2, nil)
		budgeted := t.with(ctx, 2, nil)
		gated := t.with(ctx, 1, func(d *appsv1.Deployment) {
			d.Spec.Template.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/never"}}
		})
		clashing := t.with(ctx, 2, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Name = framework.SidecarContainer })
		before := map[types.UID]bool{}
		for _, deployment := range []*appsv1.Deployment{healthy, guarded, budgeted, clashing} {
			for _, pod := range awaitPods(ctx, deployment) {
				before[pod.UID] = true
			}
		}
		createPod(ctx, endedPod(gated.Namespace))
		refuse(ctx, guarded.Namespace, admissionregistrationv1.Create, "pods/eviction")
		awaitRefusedEviction(ctx, &awaitPods(ctx, guarded)[0])
		Expect(cluster.Client.Create(ctx, &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: budgeted.Namespace, Name: "app"},
			Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: ptr.To(intstr.FromInt32(0)), Selector: budgeted.Spec.Selector},
		})).To(Succeed())

		By("asking for repair")
		set := framework.SidecarSet(t.label["tenants"], "", "app")
		set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: t.label}
		set.Spec.RepairPolicy = v1beta1.RepairRecreate
		began := time.Now()
		t.set = createSet(ctx, set).Name
		Eventually(ctx, t.injected(ctx, healthy)).Should(Equal(2))
		figure("the healthy tenant", "repaired after %.1f s", time.Since(began).Seconds())
		Eventually(ctx, t.injected(ctx, gated)).Should(Equal(1))

		By("naming the others, each with its reason")
		Eventually(ctx, func() string { return conditionMessage(ctx, t.set, v1beta1.ConditionInjected) }).Should(And(
			ContainSubstring("PodDisruptionBudgets keep 2 Pods from eviction: %s/", budgeted.Namespace),
			ContainSubstring("The API server refuses the eviction of 2 Pods: %s/", guarded.Namespace),
			ContainSubstring("not while this test runs"),
			ContainSubstring("(NameTaken)"),
		))
		figure("Injected", "%s", conditionMessage(ctx, t.set, v1beta1.ConditionInjected))
		for _, deployment := range []*appsv1.Deployment{guarded, budgeted, clashing} {
			for _, pod := range awaitPods(ctx, deployment) {
				Expect(before).To(HaveKey(pod.UID), "Pod %s/%s was evicted", pod.Namespace, pod.Name)
			}
		}
	}, SpecTimeout(framework.SpecPatience))
})

// awaitRefusedEviction asks by dry run until the API server knows that it is to refuse the eviction of a Pod.
func awaitRefusedEviction(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		eviction := &policyv1.Eviction{DeleteOptions: &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}}
		return cluster.Client.SubResource("eviction").Create(ctx, pod.DeepCopy(), eviction)
	}).Should(MatchError(ContainSubstring("not while this test runs")))
}

// endedPod is one that runs to its end at once.
func endedPod(namespace string) *corev1.Pod {
	pod := framework.UnscheduledPod(namespace, "ended", "app")
	pod.Spec.SchedulerName, pod.Spec.RestartPolicy = "", corev1.RestartPolicyNever
	pod.Spec.Containers = []corev1.Container{framework.Sidecar("job", 8081)}
	pod.Spec.Containers[0].Args, pod.Spec.Containers[0].ReadinessProbe = []string{"exit", "0"}, nil
	return pod
}
