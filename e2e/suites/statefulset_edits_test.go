// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// What specs change about an Advanced StatefulSet, before or after it is created.

func parallel(set *v1beta1.StatefulSet) { set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement }

// strategy changes the settings of the rolling update.
func strategy(change func(*v1beta1.RollingUpdateStatefulSetStrategy)) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		if set.Spec.UpdateStrategy.RollingUpdate == nil {
			set.Spec.UpdateStrategy.RollingUpdate = &v1beta1.RollingUpdateStatefulSetStrategy{}
		}
		change(set.Spec.UpdateStrategy.RollingUpdate)
	}
}

func inPlaceIfPossible(set *v1beta1.StatefulSet) {
	strategy(func(r *v1beta1.RollingUpdateStatefulSetStrategy) {
		r.PodUpdatePolicy = v1beta1.InPlaceIfPossiblePodUpdatePolicy
	})(set)
}

func withPartition(n int32) func(*v1beta1.StatefulSet) {
	return strategy(func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Partition = ptr.To(n) })
}

func withMaxUnavailable(n int32) func(*v1beta1.StatefulSet) {
	return strategy(func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.MaxUnavailable = ptr.To(intstr.FromInt32(n)) })
}

func pausedIs(paused bool) func(*v1beta1.StatefulSet) {
	return strategy(func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = paused })
}

func withReplicas(n int32) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) { set.Spec.Replicas = ptr.To(n) }
}

// withImage gives the application another image.
func withImage(image string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = image }
}

// withEnv gives the application a variable more.
func withEnv(name, value string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		app := &set.Spec.Template.Spec.Containers[0]
		app.Env = slices.DeleteFunc(app.Env, func(v corev1.EnvVar) bool { return v.Name == name })
		app.Env = append(app.Env, corev1.EnvVar{Name: name, Value: value})
	}
}

// readyAfter makes the application so slow to start that Pods are seen to be not ready.
func readyAfter(duration string) func(*v1beta1.StatefulSet) {
	return withEnv("APP_READY_AFTER", duration)
}

// endsAfter makes the application take so long to end, and gives it the time.
func endsAfter(duration string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		withEnv("APP_SHUTDOWN_DELAY", duration)(set)
		set.Spec.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](600)
	}
}
