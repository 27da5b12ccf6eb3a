// SPDX-License-Identifier: Apache-2.0

package testing

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PodPolicy is a policy by which an API server refuses an operation on the Pods of a namespace, with this message,
// unless the expression of CEL holds. It and its binding have the namespace's name.
func PodPolicy(namespace string, operation admissionv1.OperationType, expression, message string) (
	*admissionv1.ValidatingAdmissionPolicy, *admissionv1.ValidatingAdmissionPolicyBinding,
) {
	named := metav1.ObjectMeta{Name: namespace}
	return &admissionv1.ValidatingAdmissionPolicy{
			ObjectMeta: named,
			Spec: admissionv1.ValidatingAdmissionPolicySpec{
				MatchConstraints: &admissionv1.MatchResources{
					NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
					ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
						Operations: []admissionv1.OperationType{operation},
						Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
					}}},
				},
				Validations: []admissionv1.Validation{{Expression: expression, Message: message}},
			},
		}, &admissionv1.ValidatingAdmissionPolicyBinding{
			ObjectMeta: named,
			Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: namespace, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			},
		}
}
