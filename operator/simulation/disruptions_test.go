// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/testing/world"
)

// addBudgets adds PodDisruptionBudgets of the owners of Pods: some for each Deployment, some for all Pods of a namespace.
// In a few clusters Pods have two, so that nobody can evict them.
func (s *simulation) addBudgets() {
	for _, b := range []struct {
		namespace, name, label, value string
		chance                        int
	}{
		{"default", "web", "app", "web", 70},
		{kept, "db", "app", "web", 50},
		{"shop", "cart", tierLabel, "cart", 80},
		{"shop", "till", tierLabel, "till", 50},
		{"shop", "all", "app", "web", 10},
	} {
		if s.chance(b.chance) {
			budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: b.name}}
			budget.Spec.Selector = metav1.SetAsLabelSelector(map[string]string{b.label: b.value})
			s.allow(&budget.Spec)
			s.Add(budget)
		}
	}
}

// allow gives a budget another size. Some of them never let anybody go.
func (s *simulation) allow(spec *policyv1.PodDisruptionBudgetSpec) {
	spec.MinAvailable, spec.MaxUnavailable = nil, nil
	switch n := s.random.IntN(10); {
	case n < 5:
		spec.MaxUnavailable = ptr.To(intstr.FromInt32(1))
	case n < 7:
		spec.MinAvailable = ptr.To(intstr.FromInt32(1 + s.random.Int32N(2)))
	case n < 8:
		spec.MinAvailable = ptr.To(intstr.FromString("50%"))
	case n < 9:
		spec.MaxUnavailable = ptr.To(intstr.FromString("34%"))
	default:
		spec.MinAvailable = ptr.To(intstr.FromString("100%"))
	}
}

func (s *simulation) budgets() []*policyv1.PodDisruptionBudget {
	return world.All[*policyv1.PodDisruptionBudget](s.Store, world.Budget)
}

// changeBudget is a person who gives a budget another size.
func (s *simulation) changeBudget() {
	if all := s.budgets(); len(all) > 0 {
		key := client.ObjectKeyFromObject(all[s.random.IntN(len(all))])
		world.Change(s.Store, world.Budget, key, func(budget *policyv1.PodDisruptionBudget) { s.allow(&budget.Spec) })
		s.say("person: PodDisruptionBudget %s: %s", key, sizeOf(world.Get[*policyv1.PodDisruptionBudget](s.Store, world.Budget, key)))
	}
}

func sizeOf(budget *policyv1.PodDisruptionBudget) string {
	if least := budget.Spec.MinAvailable; least != nil {
		return "minAvailable " + least.String()
	}
	return "maxUnavailable " + budget.Spec.MaxUnavailable.String()
}

// openBudgets lets every budget allow one Pod to be down.
func (s *simulation) openBudgets() {
	for _, budget := range s.budgets() {
		world.Change(s.Store, world.Budget, client.ObjectKeyFromObject(budget), func(budget *policyv1.PodDisruptionBudget) {
			budget.Spec.MinAvailable, budget.Spec.MaxUnavailable = nil, ptr.To(intstr.FromInt32(1))
		})
	}
}

// evict is somebody who evicts a Pod, as its budget allows.
func (s *simulation) evict(pod *corev1.Pod) {
	if err := s.Evict(client.ObjectKeyFromObject(pod)); err != nil {
		s.say("%s is not evicted: %v", pod.Name, err)
		return
	}
	s.say("%s is evicted", pod.Name)
}

// cordon closes a node for new Pods, or opens it again.
func (s *simulation) cordon(name string, closed bool) {
	s.say("%s is drained: %t", name, closed)
	world.Change(s.Store, world.Node, world.Key{Name: name}, func(node *corev1.Node) { node.Spec.Unschedulable = closed })
}

// drain evicts a Pod of a node that is drained.
func (s *simulation) drain() {
	for _, pod := range s.Pods() {
		node := world.Get[*corev1.Node](s.Store, world.Node, world.Key{Name: pod.Spec.NodeName})
		if node != nil && node.Spec.Unschedulable && pod.DeletionTimestamp == nil {
			s.evict(pod)
			return
		}
	}
}

// uncordon opens all nodes.
func (s *simulation) uncordon() {
	for i := range 5 {
		name := fmt.Sprintf("n%d", i+1)
		if world.Get[*corev1.Node](s.Store, world.Node, world.Key{Name: name}).Spec.Unschedulable {
			s.cordon(name, false)
		}
	}
}
