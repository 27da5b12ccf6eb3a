// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// nextSecond lets Pods be newer than what was changed before: their creation times are whole seconds.
func nextSecond() { time.Sleep(1100 * time.Millisecond) }

var _ = Describe("Counting", func() {
	DescribeTable("finds the Pods of", func(ctx SpecContext, apiVersion, kind string,
		workload func(context.Context, *fixture) (owner, other client.Object)) {
		f := newFixture(ctx, nil)
		owner, other := workload(ctx, f)
		f.pod(ctx, "old", owner, "")
		f.patch(ctx, func(o *v1alpha1.SchedPatch) {
			o.Spec.TargetRef = v1alpha1.TargetReference{APIVersion: apiVersion, Kind: kind, Name: "cart"}
		})
		nextSecond()
		f.pod(ctx, "a", owner, "p@1")
		f.pod(ctx, "b", owner, "other@1,p@2")
		f.pod(ctx, "missed", owner, "")
		f.pod(ctx, "foreign", other, "")
		f.pod(ctx, "bare", nil, "")
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 4, Patched: 2, Skipped: 1, Ready: "True Active"}))

		By("a Pod that ends")
		Expect(k8s.Delete(ctx, &corev1.Pod{ObjectMeta: f.meta("a")}, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 3, Patched: 1, Skipped: 1, Ready: "True Active"}))
	},
		Entry("a Deployment", "apps/v1", "Deployment", func(ctx context.Context, f *fixture) (client.Object, client.Object) {
			return create(ctx, f.replicaSet("cart-1"), create(ctx, f.deployment(nil), nil)), create(ctx, f.replicaSet("foreign"), nil)
		}),
		Entry("a ReplicaSet", "apps/v1", "ReplicaSet", func(ctx context.Context, f *fixture) (client.Object, client.Object) {
			return create(ctx, f.replicaSet("cart"), nil), create(ctx, f.replicaSet("foreign"), nil)
		}),
		Entry("a StatefulSet", "apps/v1", "StatefulSet", func(ctx context.Context, f *fixture) (client.Object, client.Object) {
			return create(ctx, f.statefulSet(), nil), create(ctx, f.advancedStatefulSet(), nil)
		}),
		Entry("an Advanced StatefulSet", "apps.kruise.io/v1alpha1", "StatefulSet",
			func(ctx context.Context, f *fixture) (client.Object, client.Object) {
				return create(ctx, f.advancedStatefulSet(), nil), create(ctx, f.statefulSet(), nil)
			}),
		Entry("a Job", "batch/v1", "Job", func(ctx context.Context, f *fixture) (client.Object, client.Object) {
			return create(ctx, f.job("cart"), nil), create(ctx, f.job("cart-2"), nil)
		}),
		Entry("a CronJob", "batch/v1", "CronJob", func(ctx context.Context, f *fixture) (client.Object, client.Object) {
			return create(ctx, f.job("cart-1"), create(ctx, f.cronJob(), nil)), create(ctx, f.job("cart-2"), nil)
		}),
		Entry("a kind that is not known, through ReplicaSets", "v1", "ConfigMap",
			func(ctx context.Context, f *fixture) (client.Object, client.Object) {
				return create(ctx, f.replicaSet("cart-1"), create(ctx, &corev1.ConfigMap{ObjectMeta: f.meta("cart")}, nil)),
					create(ctx, f.replicaSet("foreign"), nil)
			}),
		Entry("a kind that is not known, directly", "v1", "ConfigMap", func(ctx context.Context, f *fixture) (client.Object, client.Object) {
			return create(ctx, &corev1.ConfigMap{ObjectMeta: f.meta("cart")}, nil), create(ctx, f.replicaSet("foreign"), nil)
		}),
	)

	It("waits for a target and follows it by name when it is made again", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.patch(ctx, nil)
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Ready: "False TargetNotFound"}))
		first := create(ctx, f.deployment(nil), nil)
		f.pod(ctx, "a", create(ctx, f.replicaSet("cart-1"), first), "p@1")
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 1, Patched: 1, Ready: "True Active"}))

		Expect(k8s.Delete(ctx, first)).To(Succeed())
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Ready: "False TargetNotFound"}))
		f.pod(ctx, "b", create(ctx, f.replicaSet("cart-2"), create(ctx, f.deployment(nil), nil)), "p@1")
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 1, Patched: 1, Ready: "True Active"}))
	})

	It("tells Pods that contradict from Pods that were missed, and says when all do", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.patch(ctx, nil)
		deployment := create(ctx, f.deployment(nil), nil)
		owner := create(ctx, f.replicaSet("cart-1"), deployment)
		nextSecond()
		f.pod(ctx, "contradicting", owner, "", func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{"zone": "b"} })
		f.pod(ctx, "missed", owner, "")
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 2, Skipped: 2, Ready: "True Active"}))
		message := f.status(ctx)(Default).Conditions[0].Message
		Expect(message).To(ContainSubstring(`(Conflict; nodeSelector zone is "b" in the Pod and "a" in the patch): contradicting.`))
		Expect(message).To(ContainSubstring(`(WebhookMissed; the webhook did not answer, or did not know the patch yet): missed.`))

		By("changing the template")
		before := deployment.DeepCopy()
		deployment.Spec.Template.Spec.NodeSelector = map[string]string{"zone": "b"}
		Expect(k8s.Patch(ctx, deployment, client.MergeFrom(before))).To(Succeed())
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 2, Skipped: 2, Ready: "False Conflict"}))
	})

	It("writes counters also when they are 0", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.patch(ctx, nil)
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Ready: "False TargetNotFound"}))
		stored := &unstructured.Unstructured{}
		stored.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SchedPatch"))
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: "p"}, stored)).To(Succeed())
		Expect(stored.Object["status"]).To(And(HaveKeyWithValue("matchedPods", int64(0)), HaveKeyWithValue("patchedPods", int64(0)),
			HaveKeyWithValue("skippedPods", int64(0))))
	})

	It("takes a status of before, with fields that are no more", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		object := f.patch(ctx, nil)
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Ready: "False TargetNotFound"}))
		before := []byte(`{"status":{"totalPatched":57,"counted":{"until":"2026-01-02T03:04:05Z","perSecond":[3,1]}}}`)
		Expect(k8s.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, before))).To(Succeed())
		f.pod(ctx, "a", create(ctx, f.replicaSet("cart-1"), create(ctx, f.deployment(nil), nil)), "p@1")
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 1, Patched: 1, Ready: "True Active"}))
		stored := &unstructured.Unstructured{}
		stored.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SchedPatch"))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(object), stored)).To(Succeed())
		Expect(stored.Object["status"]).NotTo(Or(HaveKey("totalPatched"), HaveKey("counted")))
	})

	It("forgets skipped Pods when the patch is changed after them", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		object := f.patch(ctx, nil)
		owner := create(ctx, f.replicaSet("cart-1"), create(ctx, f.deployment(nil), nil))
		nextSecond()
		f.pod(ctx, "missed", owner, "")
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 1, Skipped: 1, Ready: "True Active"}))
		nextSecond()
		before := object.DeepCopy()
		object.Spec.Priority = 1
		Expect(k8s.Patch(ctx, object, client.MergeFrom(before))).To(Succeed())
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 1, Ready: "True Active"}))
	})

	It("does not serve a namespace where injection is disabled", func(ctx SpecContext) {
		f := newFixture(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled})
		f.patch(ctx, nil)
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Ready: "False NamespaceNotServed"}))
		namespace := &corev1.Namespace{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: f.namespace}, namespace)).To(Succeed())
		delete(namespace.Labels, v1beta1.InjectionLabel)
		Expect(k8s.Update(ctx, namespace)).To(Succeed())
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Ready: "False TargetNotFound"}))
	})

	It("lists the newest of many Pods, also those that came while no operator ran", Serial, func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.patch(ctx, nil)
		owner := create(ctx, f.replicaSet("cart-1"), create(ctx, f.deployment(nil), nil))
		for n := range 150 {
			f.pod(ctx, fmt.Sprintf("first-%d", n), owner, "p@1")
		}
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 150, Patched: 150, Ready: "True Active"}))
		Expect(f.status(ctx)(Default).Truncated).To(BeTrue())
		Expect(f.status(ctx)(Default).ChangedPods).To(HaveLen(100))

		stop()
		for n := range 70 {
			f.pod(ctx, fmt.Sprintf("second-%d", n), owner, "p@1")
		}
		stop = startOperator(config)
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 220, Patched: 220, Ready: "True Active"}))
		f.pod(ctx, "third", owner, "p@1")
		Eventually(ctx, f.report(ctx)).Should(Equal(report{Matched: 221, Patched: 221, Ready: "True Active"}))
	})
})
