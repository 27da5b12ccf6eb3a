// SPDX-License-Identifier: Apache-2.0

package disruption

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Trim is a cache.TransformFunc: it returns a PodDisruptionBudget with nothing but its identity, selector, generation and
// status, which is all that Read keeps. Objects of other kinds, and tombstones, pass unchanged.
func Trim(object any) (any, error) {
	budget, ok := object.(*policyv1.PodDisruptionBudget)
	if !ok {
		return object, nil
	}
	return &policyv1.PodDisruptionBudget{
		TypeMeta: budget.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Namespace: budget.Namespace, Name: budget.Name, UID: budget.UID, ResourceVersion: budget.ResourceVersion,
			Generation: budget.Generation, CreationTimestamp: budget.CreationTimestamp, DeletionTimestamp: budget.DeletionTimestamp,
		},
		Spec:   policyv1.PodDisruptionBudgetSpec{Selector: budget.Spec.Selector},
		Status: budget.Status,
	}, nil
}
