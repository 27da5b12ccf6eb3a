// SPDX-License-Identifier: Apache-2.0

package accounts

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/operator/statefulset"
)

// startOperator runs the StatefulSet controller with the operator's account and its rights, until the test ends.
func startOperator() {
	GinkgoHelper()
	DeferCleanup(apiserver.RunOperator(impersonated("operator"), func(ctx context.Context, mgr manager.Manager) error {
		return statefulset.Add(ctx, mgr, statefulset.Options{Workers: 2, Parallel: 4, CanResize: true})
	}))
}

// newSet makes a StatefulSet of one Pod.
func newSet(ctx context.Context, namespace string) *v1beta1.StatefulSet {
	GinkgoHelper()
	labels := map[string]string{"app": "web"}
	set := &v1beta1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}}
	set.Spec.Replicas, set.Spec.Selector = ptr.To[int32](1), &metav1.LabelSelector{MatchLabels: labels}
	set.Spec.Template.Labels = labels
	set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Image: "app:1"}}
	Expect(k8s.Create(ctx, set)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(k8s.Delete(ctx, set)).To(Succeed())
		Expect(k8s.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(namespace), client.GracePeriodSeconds(0))).To(Succeed())
	})
	return set
}

var _ = Describe("A StatefulSet", func() {
	It("gets its Pods, made and changed with the rights of the operator's account", func(ctx SpecContext) {
		newSet(ctx, "shop")
		startOperator()
		Eventually(func() error { return k8s.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "web-0"}, &corev1.Pod{}) }).Should(Succeed())
	})

	It("in a namespace that is closed to the operator says so, and what to do, in FailedCreatePod", func(ctx SpecContext) {
		set := newSet(ctx, "kube-system")
		startOperator()
		Eventually(func() string {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), set)).To(Succeed())
			if c := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionFailedCreatePod); c != nil && c.Status == metav1.ConditionTrue {
				return c.Message
			}
			return ""
		}).Should(ContainSubstring("the operator makes no Pods in namespaces kube-system, kube-node-lease, windlass-system. " +
			"Move the StatefulSet of apps.kruise.io to another namespace, or make it one of apps/v1."))
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: "kube-system", Name: "web-0"}, &corev1.Pod{})).NotTo(Succeed())
	})
})
