// SPDX-License-Identifier: Apache-2.0

package testing

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// StatefulSetBuilder builds an Advanced StatefulSet.
type StatefulSetBuilder struct{ set *v1beta1.StatefulSet }

// MakeStatefulSet starts a set of namespace default as the API server stores it, with every default filled in:
// OrderedReady, RollingUpdate with maxUnavailable 1, ReCreate, claims retained. It has 3 replicas, whose Pods are
// labelled app=web and have one container, app, at app:1.
func MakeStatefulSet(name string) *StatefulSetBuilder {
	one, retain := intstr.FromInt32(1), v1beta1.RetainPersistentVolumeClaimRetentionPolicy
	labels := map[string]string{"app": "web"}
	return &StatefulSetBuilder{&v1beta1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID(name + "-uid"), Generation: 1, CreationTimestamp: metav1.NewTime(Epoch),
		},
		Spec: v1beta1.StatefulSetSpec{
			Replicas: ptr.To[int32](3), Selector: &metav1.LabelSelector{MatchLabels: labels}, ServiceName: name,
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
			},
			PodManagementPolicy:                  appsv1.OrderedReadyPodManagement,
			RevisionHistoryLimit:                 ptr.To[int32](10),
			ProgressDeadlineSeconds:              ptr.To[int32](600),
			VolumeClaimUpdateStrategy:            v1beta1.VolumeClaimUpdateStrategy{Type: v1beta1.OnDeleteVolumeClaimUpdateStrategy},
			PersistentVolumeClaimRetentionPolicy: &v1beta1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: retain, WhenScaled: retain},
			UpdateStrategy: v1beta1.StatefulSetUpdateStrategy{
				Type: appsv1.RollingUpdateStatefulSetStrategyType,
				RollingUpdate: &v1beta1.RollingUpdateStatefulSetStrategy{
					Partition: ptr.To[int32](0), MaxUnavailable: &one, PodUpdatePolicy: v1beta1.ReCreatePodUpdatePolicy, MinReadySeconds: ptr.To[int32](0),
				},
			},
		},
		Status: v1beta1.StatefulSetStatus{ObservedGeneration: -1},
	}}
}

// Obj returns the set.
func (b *StatefulSetBuilder) Obj() *v1beta1.StatefulSet { return b.set }

// Spec hands the spec out for whatever has no method of its own.
func (b *StatefulSetBuilder) Spec(change func(spec *v1beta1.StatefulSetSpec)) *StatefulSetBuilder {
	change(&b.set.Spec)
	return b
}

// Rolling hands the settings of the rolling update out.
func (b *StatefulSetBuilder) Rolling(change func(rolling *v1beta1.RollingUpdateStatefulSetStrategy)) *StatefulSetBuilder {
	change(b.set.Spec.UpdateStrategy.RollingUpdate)
	return b
}

// Replicas sets replicas.
func (b *StatefulSetBuilder) Replicas(count int32) *StatefulSetBuilder {
	b.set.Spec.Replicas = &count
	return b
}

// Parallel sets podManagementPolicy Parallel.
func (b *StatefulSetBuilder) Parallel() *StatefulSetBuilder {
	b.set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	return b
}

// OnDelete sets updateStrategy.type OnDelete.
func (b *StatefulSetBuilder) OnDelete() *StatefulSetBuilder {
	b.set.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType
	return b
}

// Image sets the image of the first container.
func (b *StatefulSetBuilder) Image(image string) *StatefulSetBuilder {
	b.set.Spec.Template.Spec.Containers[0].Image = image
	return b
}

// MaxUnavailable sets rollingUpdate.maxUnavailable, "2" or "10%".
func (b *StatefulSetBuilder) MaxUnavailable(value string) *StatefulSetBuilder {
	v := intstr.Parse(value)
	b.set.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable = &v
	return b
}

// Partition sets rollingUpdate.partition.
func (b *StatefulSetBuilder) Partition(count int32) *StatefulSetBuilder {
	b.set.Spec.UpdateStrategy.RollingUpdate.Partition = &count
	return b
}

// Paused pauses the update.
func (b *StatefulSetBuilder) Paused() *StatefulSetBuilder {
	b.set.Spec.UpdateStrategy.RollingUpdate.Paused = true
	return b
}

// Policy sets rollingUpdate.podUpdatePolicy.
func (b *StatefulSetBuilder) Policy(policy v1beta1.PodUpdatePolicyType) *StatefulSetBuilder {
	b.set.Spec.UpdateStrategy.RollingUpdate.PodUpdatePolicy = policy
	return b
}

// InPlace sets podUpdatePolicy InPlaceIfPossible.
func (b *StatefulSetBuilder) InPlace() *StatefulSetBuilder {
	return b.Policy(v1beta1.InPlaceIfPossiblePodUpdatePolicy)
}

// Grace sets the seconds that a Pod is out of service before it is changed in place.
func (b *StatefulSetBuilder) Grace(seconds int32) *StatefulSetBuilder {
	b.set.Spec.UpdateStrategy.RollingUpdate.InPlaceUpdateStrategy = &v1beta1.InPlaceUpdateStrategy{GracePeriodSeconds: seconds}
	return b
}

// Unordered lifts the order of the update; strategy may be nil.
func (b *StatefulSetBuilder) Unordered(strategy *v1beta1.UpdatePriorityStrategy) *StatefulSetBuilder {
	b.set.Spec.UpdateStrategy.RollingUpdate.UnorderedUpdate = &v1beta1.UnorderedUpdateStrategy{PriorityStrategy: strategy}
	return b
}

// Reserve reserves ordinals, "3" or "5-8".
func (b *StatefulSetBuilder) Reserve(values ...string) *StatefulSetBuilder {
	for _, value := range values {
		b.set.Spec.ReserveOrdinals = append(b.set.Spec.ReserveOrdinals, intstr.Parse(value))
	}
	return b
}

// PreDelete adds a preDelete hook.
func (b *StatefulSetBuilder) PreDelete(hook v1beta1.LifecycleHook) *StatefulSetBuilder {
	b.lifecycle().PreDelete = &hook
	return b
}

// InPlaceUpdate adds an inPlaceUpdate hook.
func (b *StatefulSetBuilder) InPlaceUpdate(hook v1beta1.LifecycleHook) *StatefulSetBuilder {
	b.lifecycle().InPlaceUpdate = &hook
	return b
}

// PreNormal adds a preNormal hook.
func (b *StatefulSetBuilder) PreNormal(hook v1beta1.LifecycleHook) *StatefulSetBuilder {
	b.lifecycle().PreNormal = &hook
	return b
}

func (b *StatefulSetBuilder) lifecycle() *v1beta1.Lifecycle {
	if b.set.Spec.Lifecycle == nil {
		b.set.Spec.Lifecycle = &v1beta1.Lifecycle{}
	}
	return b.set.Spec.Lifecycle
}

// Claim adds a claim template of StorageClass standard and a size like "1Gi".
func (b *StatefulSetBuilder) Claim(name, size string) *StatefulSetBuilder {
	claim := MakeClaim(name).Size(size).Obj()
	b.set.Spec.VolumeClaimTemplates = append(b.set.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: claim.Spec,
	})
	return b
}

// Retain sets what happens to claims when the set is deleted and when it is scaled down.
func (b *StatefulSetBuilder) Retain(whenDeleted, whenScaled v1beta1.PersistentVolumeClaimRetentionPolicyType) *StatefulSetBuilder {
	b.set.Spec.PersistentVolumeClaimRetentionPolicy = &v1beta1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: whenDeleted, WhenScaled: whenScaled}
	return b
}

// GrowClaims lets claims grow with the rollout.
func (b *StatefulSetBuilder) GrowClaims() *StatefulSetBuilder {
	b.set.Spec.VolumeClaimUpdateStrategy.Type = v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy
	return b
}

// ClaimBuilder builds a PersistentVolumeClaim.
type ClaimBuilder struct{ claim *corev1.PersistentVolumeClaim }

// MakeClaim starts a claim of namespace default and StorageClass standard that is bound to a volume of 1Gi.
func MakeClaim(name string) *ClaimBuilder {
	b := &ClaimBuilder{&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name + "-uid"), CreationTimestamp: metav1.NewTime(Epoch)},
		Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("standard")},
		Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
	}}
	return b.Size("1Gi").Capacity("1Gi")
}

// Obj returns the claim.
func (b *ClaimBuilder) Obj() *corev1.PersistentVolumeClaim { return b.claim }

// Size sets what the claim asks for.
func (b *ClaimBuilder) Size(size string) *ClaimBuilder {
	b.claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
	return b
}

// Capacity sets what the claim has.
func (b *ClaimBuilder) Capacity(size string) *ClaimBuilder {
	b.claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
	return b
}

// Owner adds an owner.
func (b *ClaimBuilder) Owner(apiVersion, kind, name, uid string) *ClaimBuilder {
	b.claim.OwnerReferences = append(b.claim.OwnerReferences, metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID(uid)})
	return b
}

// Terminating marks the claim as being deleted.
func (b *ClaimBuilder) Terminating() *ClaimBuilder {
	now := metav1.NewTime(Epoch)
	b.claim.DeletionTimestamp = &now
	return b
}
