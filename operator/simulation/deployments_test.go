// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/testing/world"
)

// tierLabel names the Deployment of a Pod.
const tierLabel = "tier"

// addDeployment adds one of namespace shop with its first ReplicaSet.
func (s *simulation) addDeployment(name string) {
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web", tierLabel: name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: name + ":1", Resources: cpu("200m")}}},
	}
	replicas := int32(2 + s.random.IntN(2))
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Template: template},
	}
	s.Add(deployment)
	s.addReplicaSet(deployment, 1, replicas)
}

func (s *simulation) addReplicaSet(deployment *appsv1.Deployment, number int, replicas int32) {
	template := deployment.Spec.Template.DeepCopy()
	template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = strconv.Itoa(number)
	s.Add(&appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: deployment.Namespace, Name: fmt.Sprintf("%s-%d", deployment.Name, number), Labels: template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind(world.Deployment))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Template: *template},
	})
}

func deploymentKey(name string) world.Key { return world.Key{Namespace: "shop", Name: name} }

// roll gives a Deployment another template.
func (s *simulation) roll(name string) {
	key := deploymentKey(name)
	sets := s.replicaSetsOf(name)
	if len(sets) > 1 {
		return // one rollout at a time is enough
	}
	number, _ := strconv.Atoi(sets[0].Labels[appsv1.DefaultDeploymentUniqueLabelKey])
	image := fmt.Sprintf("%s:%d", name, number+1)
	s.say("person: Deployment %s: %s", name, image)
	world.Change(s.Store, world.Deployment, key, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = image })
	s.addReplicaSet(world.Get[*appsv1.Deployment](s.Store, world.Deployment, key), number+1, 0)
}

func (s *simulation) scaleDeployment(name string, count int32) {
	s.say("person: Deployment %s: replicas %d", name, count)
	world.Change(s.Store, world.Deployment, deploymentKey(name), func(d *appsv1.Deployment) { d.Spec.Replicas = &count })
}

// replicaSetsOf are those of a Deployment, the newest first.
func (s *simulation) replicaSetsOf(name string) []*appsv1.ReplicaSet {
	sets := slices.DeleteFunc(world.All[*appsv1.ReplicaSet](s.Store, world.ReplicaSet), func(set *appsv1.ReplicaSet) bool {
		return set.Labels[tierLabel] != name
	})
	slices.SortFunc(sets, func(a, b *appsv1.ReplicaSet) int {
		return number(b) - number(a)
	})
	return sets
}

func number(set *appsv1.ReplicaSet) int {
	n, _ := strconv.Atoi(set.Labels[appsv1.DefaultDeploymentUniqueLabelKey])
	return n
}

// deployment takes a Deployment one step: the new ReplicaSet grows with one Pod more than there should be, and the old
// one shrinks as far as enough Pods are ready.
func (s *simulation) deployment(name string) {
	sets := s.replicaSetsOf(name)
	want, total, ready := *world.Get[*appsv1.Deployment](s.Store, world.Deployment, deploymentKey(name)).Spec.Replicas, int32(0), int32(0)
	for _, set := range sets {
		total += *set.Spec.Replicas
		for _, pod := range s.podsOf(set) {
			if serves(pod) {
				ready++
			}
		}
	}
	scale := func(set *appsv1.ReplicaSet, to int32) {
		if *set.Spec.Replicas != to {
			s.say("ReplicaSet %s: replicas %d", set.Name, to)
			world.Change(s.Store, world.ReplicaSet, client.ObjectKeyFromObject(set), func(set *appsv1.ReplicaSet) { set.Spec.Replicas = ptr.To(to) })
		}
	}
	newest, oldest := sets[0], sets[len(sets)-1]
	switch {
	case len(sets) == 1 || *newest.Spec.Replicas > want:
		scale(newest, want)
	case *newest.Spec.Replicas < want && total <= want:
		scale(newest, *newest.Spec.Replicas+1)
	case *oldest.Spec.Replicas > 0 && ready > want:
		scale(oldest, *oldest.Spec.Replicas-1)
	case *oldest.Spec.Replicas == 0 && len(s.podsOf(oldest)) == 0:
		s.Delete(world.ReplicaSet, client.ObjectKeyFromObject(oldest))
	}
}

func (s *simulation) podsOf(owner client.Object) []*corev1.Pod {
	return slices.DeleteFunc(s.Pods(), func(pod *corev1.Pod) bool { return !metav1.IsControlledBy(pod, owner) })
}

// workloads lets the Deployments and all ReplicaSets act once.
func (s *simulation) workloads() {
	for _, deployment := range world.All[*appsv1.Deployment](s.Store, world.Deployment) {
		s.deployment(deployment.Name)
	}
	for _, set := range world.All[*appsv1.ReplicaSet](s.Store, world.ReplicaSet) {
		s.replicaSet(set)
	}
}

// replicaSet makes a Pod that is missing, and ends those that are too many or do not run any more.
func (s *simulation) replicaSet(set *appsv1.ReplicaSet) {
	var live []*corev1.Pod
	for _, pod := range s.podsOf(set) {
		switch {
		case pod.DeletionTimestamp != nil:
		case pod.Status.Phase == corev1.PodFailed:
			s.Delete(world.Pod, client.ObjectKeyFromObject(pod))
		default:
			live = append(live, pod)
		}
	}
	switch want := int(*set.Spec.Replicas); {
	case len(live) < want:
		s.createPod(set)
	case len(live) > want:
		pod := live[s.random.IntN(len(live))]
		s.say("%s is deleted, there are too many", pod.Name)
		s.Delete(world.Pod, client.ObjectKeyFromObject(pod))
	}
}

func (s *simulation) createPod(set *appsv1.ReplicaSet) {
	s.made++
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: set.Namespace, Name: fmt.Sprintf("%s-%d", set.Name, s.made), Labels: set.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind(world.ReplicaSet))},
		},
		Spec: *set.Spec.Template.Spec.DeepCopy(),
	}
	others := &world.Client{Store: s.Store, Admit: s.admit}
	if err := others.Create(context.Background(), pod); err != nil {
		s.say("%s is not created: %v", pod.Name, err)
		return
	}
	s.say("%s is created", pod.Name)
}
