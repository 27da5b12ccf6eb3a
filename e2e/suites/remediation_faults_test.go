// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// awaitWaitingOn waits until a Pod on the node cannot pull its image, and returns it.
func (s *stateful) awaitWaitingOn(ctx context.Context, node string) *corev1.Pod {
	GinkgoHelper()
	var found *corev1.Pod
	Eventually(ctx, func() string {
		for _, pod := range s.pods(ctx) {
			waiting := framework.ContainerStatus(&pod, framework.AppContainer).State.Waiting
			if pod.Spec.NodeName == node && waiting != nil {
				found = &pod
				return waiting.Reason
			}
		}
		return ""
	}).Should(BeElementOf("ErrImagePull", "ImagePullBackOff"), "what a Pod on node %s waits for", node)
	return found
}

// refuseDeletions makes the API server refuse to delete Pods of a namespace, until allowDeletions or the end of the
// spec.
func refuseDeletions(ctx context.Context, namespace string) {
	GinkgoHelper()
	refuse(ctx, namespace, admissionregistrationv1.Delete, "pods")
}

// refuse makes the API server refuse an operation on a resource in a namespace, until allowDeletions or the end of the
// spec.
func refuse(ctx context.Context, namespace string, operation admissionregistrationv1.OperationType, resource string) {
	GinkgoHelper()
	DeferCleanup(func(ctx SpecContext) { allowDeletions(ctx, namespace) })
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: ptr.To(admissionregistrationv1.Fail),
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{operation},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{resource}},
				},
			}}},
			Validations: []admissionregistrationv1.Validation{{Expression: "false", Message: "not while this test runs"}},
		},
	}
	Expect(cluster.Client.Create(ctx, policy)).To(Succeed())
	Expect(cluster.Client.Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: namespace, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			MatchResources: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			},
		},
	})).To(Succeed())
}

// allowDeletions undoes refuseDeletions.
func allowDeletions(ctx context.Context, namespace string) {
	GinkgoHelper()
	for _, object := range []client.Object{
		&admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
	} {
		Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, object))).To(Succeed())
	}
}

// replaceOperators ends both replicas of the operator without notice, and waits for new ones.
func replaceOperators(ctx context.Context) {
	GinkgoHelper()
	pods, err := cluster.ReleasePods(ctx, "operator")
	Expect(err).NotTo(HaveOccurred())
	for i := range pods {
		Expect(cluster.Client.Delete(ctx, &pods[i], client.GracePeriodSeconds(0))).To(Succeed())
	}
	Eventually(ctx, func() error {
		_, err := cluster.ReadyReleasePods(ctx, "operator", replicas)
		return err
	}).Should(Succeed())
}
