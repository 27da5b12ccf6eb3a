// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// Each makes a target, and what stands between it and its Pods, and returns the owner of the Pods.
var _ = DescribeTable("Pods are patched that are made by", func(ctx context.Context, apiVersion, kind, name string,
	makeOwner func(context.Context, string) client.Object,
) {
	namespace := newNamespace(ctx)
	owner := makeOwner(ctx, namespace)
	before := created(ctx, namespace, owner)
	patch := applied(ctx, ssd(namespace, "p", v1alpha1.TargetReference{APIVersion: apiVersion, Kind: kind, Name: name}))
	Expect(created(ctx, namespace, owner)).To(bePatched(patch))
	Expect(created(ctx, namespace, nil)).To(beUntouched(), "a foreign Pod with the same labels")
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(before), before)).To(Succeed())
	Expect(before).To(beUntouched(), "a Pod from before")
},
	Entry("a Deployment, through its ReplicaSet", "apps/v1", "Deployment", "cart", func(ctx context.Context, namespace string) client.Object {
		return made(ctx, replicaSet(namespace, "cart-1"), made(ctx, deployment(namespace), nil))
	}),
	Entry("a ReplicaSet", "apps/v1", "ReplicaSet", "cart-1", func(ctx context.Context, namespace string) client.Object {
		return made(ctx, replicaSet(namespace, "cart-1"), nil)
	}),
	Entry("a StatefulSet", "apps/v1", "StatefulSet", "db", func(ctx context.Context, namespace string) client.Object {
		return made(ctx, statefulSet(namespace), nil)
	}),
	Entry("a StatefulSet of apps.kruise.io", "apps.kruise.io/v1beta1", "StatefulSet", "db",
		func(ctx context.Context, namespace string) client.Object {
			return made(ctx, ourStatefulSet(namespace), nil)
		}),
	Entry("a Job", "batch/v1", "Job", "night-1", func(ctx context.Context, namespace string) client.Object {
		return made(ctx, job(namespace), nil)
	}),
	Entry("a CronJob, through its Job", "batch/v1", "CronJob", "night", func(ctx context.Context, namespace string) client.Object {
		return made(ctx, job(namespace), made(ctx, cronJob(namespace), nil))
	}),
)

var _ = Describe("A SchedPatch of a Deployment", func() {
	It("works from the moment the Deployment appears, and again when it is made anew", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		patch := applied(ctx, ssd(namespace, "p", targetCart()))
		first := made(ctx, deployment(namespace), nil)
		Expect(created(ctx, namespace, made(ctx, replicaSet(namespace, "cart-1"), first))).To(bePatched(patch))

		Expect(k8s.Delete(ctx, first)).To(Succeed())
		second := made(ctx, deployment(namespace), nil)
		Expect(second.UID).NotTo(Equal(first.UID))
		Expect(created(ctx, namespace, made(ctx, replicaSet(namespace, "cart-2"), second))).To(bePatched(patch))
	})

	It("does not touch the Pods of another Deployment", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		applied(ctx, ssd(namespace, "p", targetCart()))
		other := deployment(namespace)
		other.Name = "order"
		Expect(created(ctx, namespace, made(ctx, replicaSet(namespace, "cart-1"), made(ctx, other, nil)))).To(beUntouched())
	})

	It("does not touch a Pod whose ReplicaSet only has the name of the Deployment's", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		applied(ctx, ssd(namespace, "p", targetCart()))
		set := made(ctx, replicaSet(namespace, "cart-1"), made(ctx, deployment(namespace), nil))
		set.UID = "of-an-earlier-one"
		Expect(created(ctx, namespace, set)).To(beUntouched())
	})
})

// cart makes a Deployment and a ReplicaSet of it.
func cart(ctx context.Context) (namespace string, owner client.Object) {
	GinkgoHelper()
	namespace = newNamespace(ctx)
	return namespace, made(ctx, replicaSet(namespace, "cart-1"), made(ctx, deployment(namespace), nil))
}

var _ = Describe("A Pod", func() {
	It("gets several patches in the order of their priority", func(ctx SpecContext) {
		namespace, owner := cart(ctx)
		first, second := ssd(namespace, "z", targetCart()), ssd(namespace, "a", targetCart())
		first.Spec.Priority = 10
		second.Spec.NodeSelector = nil
		second.Spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
		applied(ctx, first)
		applied(ctx, second)
		pod := created(ctx, namespace, owner)
		Expect(pod.Annotations["apps.kruise.io/sched-patches"]).To(MatchRegexp("^z@[0-9a-f]{10},a@[0-9a-f]{10}$"))
		Expect(pod.Spec.Tolerations).To(ContainElement(second.Spec.Tolerations[0]))
		Expect(pod.Spec.Tolerations).To(ContainElement(HaveField("Key", corev1.TaintNodeNotReady)), "the one that Kubernetes adds")
	})

	It("that contradicts a patch is created without it, and says why", func(ctx SpecContext) {
		namespace, owner := cart(ctx)
		applied(ctx, ssd(namespace, "p", targetCart()))
		pod := newPod(namespace, owner)
		pod.Spec.NodeSelector = map[string]string{"disk": "hdd"}
		heard.Take()
		Expect(k8s.Create(ctx, pod)).To(Succeed())
		Expect(pod.Spec.NodeSelector).To(Equal(map[string]string{"disk": "hdd"}))
		Expect(heard.Take()).To(ConsistOf(`SchedPatch p is not applied because nodeSelector disk is "hdd" in the Pod and "ssd" in the patch`))
	})

	It("that contradicts a patch with onConflict Reject is not created", func(ctx SpecContext) {
		namespace, owner := cart(ctx)
		patch := ssd(namespace, "p", targetCart())
		patch.Spec.OnConflict = v1alpha1.SchedPatchConflictReject
		applied(ctx, patch)
		pod := newPod(namespace, owner)
		pod.Spec.NodeSelector = map[string]string{"disk": "hdd"}
		err := k8s.Create(ctx, pod)
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring(`its onConflict is Reject: nodeSelector disk is "hdd" in the Pod and "ssd" in the patch`)))
	})

	It("is not patched once the patch has ended", func(ctx SpecContext) {
		namespace, owner := cart(ctx)
		patch := ssd(namespace, "p", targetCart())
		patch.Spec.TTLSeconds = ptr.To(int32(3600))
		applied(ctx, patch)
		Expect(created(ctx, namespace, owner)).To(bePatched(patch))
		now := clock.Now()
		DeferCleanup(func() { clock.SetTime(now) })
		clock.SetTime(now.Add(2 * time.Hour))
		Expect(created(ctx, namespace, owner)).To(beUntouched())
	})

	It("is shown patched by a dry run, which changes nothing", func(ctx SpecContext) {
		namespace, owner := cart(ctx)
		patch := ssd(namespace, "p", targetCart())
		patch.Spec.MaxPods = ptr.To(int32(1))
		applied(ctx, patch)
		Eventually(func(g Gomega) {
			pod := newPod(namespace, owner)
			g.Expect(k8s.Create(ctx, pod, client.DryRunAll)).To(Succeed())
			g.Expect(pod).To(bePatched(patch))
		}, patience).Should(Succeed())
		Expect(created(ctx, namespace, owner, client.DryRunAll)).To(bePatched(patch))
		stored := &v1alpha1.SchedPatch{}
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(patch), stored)).To(Succeed())
		Expect(stored.ResourceVersion).To(Equal(patch.ResourceVersion))
		Expect(created(ctx, namespace, owner)).To(bePatched(patch), "the dry runs took no place of maxPods")
	})

	It("gets a place when one of the Pods that maxPods allows is gone or has ended", func(ctx SpecContext) {
		namespace, owner := cart(ctx)
		patch := ssd(namespace, "p", targetCart())
		patch.Spec.MaxPods = ptr.To(int32(2))
		applied(ctx, patch)
		Eventually(func() *corev1.Pod { return created(ctx, namespace, owner, client.DryRunAll) }, patience).Should(bePatched(patch))
		first, second := created(ctx, namespace, owner), created(ctx, namespace, owner)
		Expect(first).To(bePatched(patch))
		Expect(second).To(bePatched(patch))
		Expect(created(ctx, namespace, owner)).To(beUntouched())

		Expect(k8s.Delete(ctx, first, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(func() *corev1.Pod { return created(ctx, namespace, owner) }, patience).Should(bePatched(patch))
		Expect(created(ctx, namespace, owner)).To(beUntouched())

		second.Status.Phase = corev1.PodSucceeded
		Expect(k8s.Status().Update(ctx, second)).To(Succeed())
		Eventually(func() *corev1.Pod { return created(ctx, namespace, owner) }, patience).Should(bePatched(patch))
	})

	It("is created although its owner may not be read, and says what is missing", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		budget := made(ctx, &policyv1.PodDisruptionBudget{ObjectMeta: meta(namespace, "stand-in"), Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "none"}},
		}}, nil)
		applied(ctx, ssd(namespace, "p", v1alpha1.TargetReference{APIVersion: "x.example/v1", Kind: "Fleet", Name: "f"}))
		heard.Take()
		Expect(created(ctx, namespace, budget)).To(beUntouched())
		Expect(heard.Take()).To(ConsistOf("SchedPatch p is not applied because it is not known whether PodDisruptionBudget.policy " +
			"stand-in belongs to its target: " +
			"the webhook may not read PodDisruptionBudget.policy: its role lacks the verb get; the chart's value schedPatch.extraTargets grants it"))
	})
})

var _ = Describe("A SchedPatch", func() {
	It("is refused where it tolerates the control plane", func(ctx SpecContext) {
		patch := ssd(newNamespace(ctx), "p", targetCart())
		patch.Spec.Tolerations = []corev1.Toleration{{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists}}
		err := k8s.Create(ctx, patch)
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring(`spec.tolerations[0].key: Forbidden: "node-role.kubernetes.io/control-plane" ` +
			`would let Pods onto the nodes of the control plane`)))
	})

	It("is warned of in a namespace that the webhooks do not serve", func(ctx SpecContext) {
		heard.Take()
		Expect(k8s.Create(ctx, ssd("kube-system", "p", targetCart()), client.DryRunAll)).To(Succeed())
		Expect(heard.Take()).To(ConsistOf(ContainSubstring(
			"new Pods of namespace kube-system are not seen by the webhooks, so this SchedPatch has no effect")))
	})
})
