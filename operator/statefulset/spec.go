// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// strategy is the set's rolling update, with what is left out filled in.
func (s *Snapshot) strategy() v1beta1.RollingUpdateStatefulSetStrategy {
	if s.Set.Spec.UpdateStrategy.RollingUpdate == nil {
		return v1beta1.RollingUpdateStatefulSetStrategy{}
	}
	return *s.Set.Spec.UpdateStrategy.RollingUpdate
}

func (s *Snapshot) onDelete() bool {
	return s.Set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType
}

func (s *Snapshot) ordered() bool {
	return s.Set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement
}

// replicas is how many Pods there should be.
func (s *Snapshot) replicas() int { return int(ptr.Deref(s.Set.Spec.Replicas, 1)) }

// maxUnavailable resolves the field against the replicas: a percentage rounds down, and at least one Pod may always go.
func (s *Snapshot) maxUnavailable() int {
	return atLeastOne(s.strategy().MaxUnavailable, s.replicas())
}

func atLeastOne(value *intstr.IntOrString, replicas int) int {
	if value == nil {
		return 1
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, replicas, false)
	if err != nil {
		return 1 // the schema refuses what cannot be read
	}
	return max(1, n)
}

func (s *Snapshot) partition() int {
	if s.onDelete() {
		return 0
	}
	return int(max(0, ptr.Deref(s.strategy().Partition, 0)))
}

// minReadySeconds is how long a Pod must be Ready before it counts as available: the larger of the two places that say
// so.
func (s *Snapshot) minReadySeconds() int32 {
	seconds := s.Set.Spec.MinReadySeconds
	if rolling := s.Set.Spec.UpdateStrategy.RollingUpdate; rolling != nil {
		seconds = max(seconds, ptr.Deref(rolling.MinReadySeconds, 0))
	}
	return seconds
}

func storage(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}

type metaTime = metav1.Time

// now is the time of the snapshot as objects store it.
func (s *Snapshot) now() metav1.Time { return metav1.NewTime(s.Now) }
