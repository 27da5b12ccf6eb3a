// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// deletionTimeout is how long the disruption controller waits for the deletion of a Pod whose eviction was granted.
const deletionTimeout = 2 * time.Minute

// Disruptions brings the status of all PodDisruptionBudgets up to date, as the disruption controller does.
func (s *Store) Disruptions() (said []string) {
	for _, budget := range All[*policyv1.PodDisruptionBudget](s, Budget) {
		key, status := client.ObjectKeyFromObject(budget), s.DisruptionStatus(budget)
		if equality.Semantic.DeepEqual(budget.Status, status) {
			continue
		}
		Change(s, Budget, key, func(budget *policyv1.PodDisruptionBudget) { budget.Status = status })
		said = append(said, fmt.Sprintf("PodDisruptionBudget %s allows %d: %d healthy of %d needed",
			key, status.DisruptionsAllowed, status.CurrentHealthy, status.DesiredHealthy))
	}
	return said
}

// DisruptionStatus is what the disruption controller would make of a budget now.
func (s *Store) DisruptionStatus(budget *policyv1.PodDisruptionBudget) policyv1.PodDisruptionBudgetStatus {
	matched := s.Protected(budget)
	status := policyv1.PodDisruptionBudgetStatus{ObservedGeneration: budget.Generation, Conditions: budget.Status.Conditions}
	for _, pod := range matched {
		since, ok := budget.Status.DisruptedPods[pod.Name]
		disrupted := ok && s.Now().Before(since.Add(deletionTimeout))
		switch ready := Condition(pod, corev1.PodReady); {
		case pod.DeletionTimestamp != nil:
		case disrupted:
			if status.DisruptedPods == nil {
				status.DisruptedPods = map[string]metav1.Time{}
			}
			status.DisruptedPods[pod.Name] = since
		case ready != nil && ready.Status == corev1.ConditionTrue:
			status.CurrentHealthy++
		}
	}
	status.ExpectedPods, status.DesiredHealthy = s.expected(budget, matched)
	if status.ExpectedPods > 0 {
		status.DisruptionsAllowed = max(0, status.CurrentHealthy-status.DesiredHealthy)
	}
	return status
}

// Protected are the Pods that a budget matches, those that are going included.
func (s *Store) Protected(budget *policyv1.PodDisruptionBudget) []*corev1.Pod {
	return slices.DeleteFunc(s.Pods(), func(pod *corev1.Pod) bool { return !Covers(budget, pod) })
}

// Covers reports whether a budget matches a Pod.
func Covers(budget *policyv1.PodDisruptionBudget, pod *corev1.Pod) bool {
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	return err == nil && pod.Namespace == budget.Namespace && selector.Matches(labels.Set(pod.Labels))
}

// expected is how many Pods of a budget there should be and how many of them have to be healthy. A number of Pods that
// have to be available is counted among those that there are; everything else asks their controllers.
func (s *Store) expected(budget *policyv1.PodDisruptionBudget, matched []*corev1.Pod) (expected, desired int32) {
	least, most := budget.Spec.MinAvailable, budget.Spec.MaxUnavailable
	if least != nil && least.Type == intstr.Int {
		return int32(len(matched)), least.IntVal
	}
	scale := s.scale(matched)
	n, err := intstr.GetScaledValueFromIntOrPercent(cmp.Or(least, most), scale, true)
	if err != nil {
		s.T.Fatal(err)
	}
	if most != nil {
		n = max(0, scale-n)
	}
	return int32(scale), int32(n)
}

// scale is how many Pods the controllers of some are to have.
func (s *Store) scale(pods []*corev1.Pod) (sum int) {
	seen := map[types.UID]bool{}
	for _, pod := range pods {
		object, replicas := s.scaled(pod)
		if object != nil && !seen[object.GetUID()] {
			seen[object.GetUID()] = true
			sum += int(*replicas)
		}
	}
	return sum
}

// scaled is what decides how many Pods there are of the kind of one: nil for a Pod that is alone.
func (s *Store) scaled(pod *corev1.Pod) (client.Object, *int32) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return nil, nil
	}
	switch set := s.objects[owner.Kind][Key{Namespace: pod.Namespace, Name: owner.Name}].(type) {
	case *v1beta1.StatefulSet:
		return set, set.Spec.Replicas
	case *appsv1.ReplicaSet:
		if above := metav1.GetControllerOf(set); above != nil {
			if deployment := Get[*appsv1.Deployment](s, Deployment, Key{Namespace: pod.Namespace, Name: above.Name}); deployment != nil {
				return deployment, deployment.Spec.Replicas
			}
		}
		return set, set.Spec.Replicas
	}
	return nil, nil
}

// Evict deletes a Pod as others do, through the eviction subresource, and tells why not.
func (s *Store) Evict(key Key) error {
	pod := s.Pod(key)
	if pod == nil {
		return apierrors.NewNotFound(ResourceOf(Pod), key.Name)
	}
	if err := s.disrupt(pod, false); err != nil {
		return err
	}
	s.Delete(Pod, key)
	return nil
}

// disrupt takes one from the budget of a Pod that is to be evicted, as the API server does, or says why it must not be.
func (s *Store) disrupt(pod *corev1.Pod, dryRun bool) error {
	if pod.DeletionTimestamp != nil || ended(pod) || pod.Status.Phase == corev1.PodPending {
		return nil
	}
	var budgets []*policyv1.PodDisruptionBudget
	for _, budget := range All[*policyv1.PodDisruptionBudget](s, Budget) {
		if slices.Contains(s.Protected(budget), pod) {
			budgets = append(budgets, budget)
		}
	}
	switch {
	case len(budgets) == 0:
		return nil
	case len(budgets) > 1:
		return apierrors.NewInternalError(fmt.Errorf("this Pod has more than one PodDisruptionBudget, which the eviction subresource does not support"))
	}
	return s.takeOne(budgets[0], pod, dryRun)
}

func (s *Store) takeOne(budget *policyv1.PodDisruptionBudget, pod *corev1.Pod, dryRun bool) error {
	status, ready := &budget.Status, Condition(pod, corev1.PodReady)
	unready := ready == nil || ready.Status != corev1.ConditionTrue
	switch {
	case unready && status.CurrentHealthy >= status.DesiredHealthy && status.DesiredHealthy > 0:
		return nil // policy IfHealthyBudget: it is broken, and all that has to be healthy is
	case status.ObservedGeneration < budget.Generation, status.DisruptionsAllowed == 0:
		return tooManyDisruptions(budget)
	case dryRun:
		return nil
	}
	Change(s, Budget, client.ObjectKeyFromObject(budget), func(budget *policyv1.PodDisruptionBudget) {
		budget.Status.DisruptionsAllowed--
		if budget.Status.DisruptedPods == nil {
			budget.Status.DisruptedPods = map[string]metav1.Time{}
		}
		budget.Status.DisruptedPods[pod.Name] = s.Second()
	})
	return nil
}

func tooManyDisruptions(budget *policyv1.PodDisruptionBudget) error {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 10)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type: policyv1.DisruptionBudgetCause,
		Message: fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently",
			budget.Name, budget.Status.DesiredHealthy, budget.Status.CurrentHealthy),
	})
	return err
}
