// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Collect deletes the objects of some kinds whose owners are all gone.
func (n *Nodes) Collect(kinds ...string) (said []string) {
	for _, kind := range kinds {
		for _, object := range All[client.Object](n.Store, kind) {
			if text := n.collect(kind, object); text != "" {
				said = append(said, text)
			}
		}
	}
	return said
}

func (n *Nodes) collect(kind string, object client.Object) string {
	owners, key := object.GetOwnerReferences(), client.ObjectKeyFromObject(object)
	alive := slices.DeleteFunc(slices.Clone(owners), func(o metav1.OwnerReference) bool {
		owner := n.objects[o.Kind][ownerKey(object, o)]
		return owner == nil || owner.GetUID() != o.UID
	})
	switch {
	case len(alive) == len(owners) || object.GetDeletionTimestamp() != nil:
		return ""
	case len(alive) > 0:
		Change(n.Store, kind, key, func(o client.Object) { o.SetOwnerReferences(alive) })
		return ""
	}
	if n.Collected != nil {
		n.Collected(kind, key)
	}
	n.Delete(kind, key)
	if kind == Claim {
		kind = "claim"
	}
	return fmt.Sprintf("%s %s is deleted with its owner", kind, key.Name)
}

// ownerKey is that of an owner: one of the same namespace, unless its kind has none.
func ownerKey(object client.Object, owner metav1.OwnerReference) Key {
	if owner.Kind == SidecarSet {
		return Key{Name: owner.Name}
	}
	return Key{Namespace: object.GetNamespace(), Name: owner.Name}
}

// Volumes lets claims grow, and go when no Pod mounts them any more.
func (n *Nodes) Volumes() (said []string) {
	for _, claim := range All[*corev1.PersistentVolumeClaim](n.Store, Claim) {
		key := client.ObjectKeyFromObject(claim)
		switch has, asked := claim.Status.Capacity[corev1.ResourceStorage], StorageOf(claim); {
		case claim.DeletionTimestamp != nil && !n.mounted(key):
			n.Remove(Claim, key)
			said = append(said, fmt.Sprintf("claim %s is gone", claim.Name))
		case claim.Status.Phase == corev1.ClaimBound && has.Cmp(asked) < 0:
			if n.grow(key, claim) {
				said = append(said, fmt.Sprintf("claim %s grows to %s", claim.Name, asked.String()))
			}
		}
	}
	return said
}

// grow lets a claim have what it asks for, or says that it will when it is mounted anew. It reports whether anything
// changed.
func (n *Nodes) grow(key Key, claim *corev1.PersistentVolumeClaim) bool {
	if n.RestartToGrow && resizePending(claim) {
		return false
	}
	Change(n.Store, Claim, key, func(claim *corev1.PersistentVolumeClaim) {
		if n.RestartToGrow {
			claim.Status.Conditions = append(claim.Status.Conditions, corev1.PersistentVolumeClaimCondition{
				Type: corev1.PersistentVolumeClaimFileSystemResizePending, Status: corev1.ConditionTrue,
			})
			return
		}
		claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: StorageOf(claim)}
	})
	return true
}

// bind gives a claim its volume, and the size that waited for it to be mounted.
func (n *Nodes) bind(key Key) {
	Change(n.Store, Claim, key, func(claim *corev1.PersistentVolumeClaim) {
		if claim.Status.Phase != corev1.ClaimBound {
			claim.Status.Phase = corev1.ClaimBound
			claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: StorageOf(claim)}
		}
		if resizePending(claim) {
			claim.Status.Conditions = nil
			claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: StorageOf(claim)}
		}
	})
}

func resizePending(claim *corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(claim.Status.Conditions, func(c corev1.PersistentVolumeClaimCondition) bool {
		return c.Type == corev1.PersistentVolumeClaimFileSystemResizePending && c.Status == corev1.ConditionTrue
	})
}

func (n *Nodes) claim(namespace, name string) *corev1.PersistentVolumeClaim {
	return Get[*corev1.PersistentVolumeClaim](n.Store, Claim, Key{Namespace: namespace, Name: name})
}

// StorageOf is what a claim asks for.
func StorageOf(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}
