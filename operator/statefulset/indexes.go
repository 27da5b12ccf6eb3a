// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"errors"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/quantity"
)

// Cache indexes of this controller. Pods are found by podcache.ControllerIndex and podcache.OrphanIndex, which the
// program sets up.
const (
	// revisionControllerIndex finds revisions by the UID of their controller, or by noController.
	revisionControllerIndex = "controller"
	// claimParentIndex finds claims by their name without the ordinal.
	claimParentIndex = "parent"
)

const noController = "none"

// AddIndexes adds the cache indexes of this controller, but for those of podcache.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	return errors.Join(
		indexer.IndexField(ctx, &appsv1.ControllerRevision{}, revisionControllerIndex, func(object client.Object) []string {
			if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
				return []string{string(owner.UID)}
			}
			return []string{noController}
		}),
		indexer.IndexField(ctx, &corev1.PersistentVolumeClaim{}, claimParentIndex, func(object client.Object) []string {
			if parent, _, ok := podcache.SplitOrdinal(object.GetName()); ok {
				return []string{parent}
			}
			return nil
		}),
	)
}

// TrimRevision is a cache.TransformFunc: it drops the data of revisions that another API group controls, those of
// DaemonSets and of apps/v1 StatefulSets.
func TrimRevision(object any) (any, error) {
	revision, ok := object.(*appsv1.ControllerRevision)
	if !ok {
		return object, nil
	}
	revision.ManagedFields = nil
	if owner := metav1.GetControllerOfNoCopy(revision); owner != nil && groupOf(owner.APIVersion) != v1beta1.GroupVersion.Group {
		revision.Data = runtime.RawExtension{}
	}
	return revision, nil
}

// TrimClaim is a cache.TransformFunc: it drops what no decision about a claim rests on, and caps quantities that would
// cost too much to compute with.
func TrimClaim(object any) (any, error) {
	claim, ok := object.(*corev1.PersistentVolumeClaim)
	if !ok {
		return object, nil
	}
	trimmed := &corev1.PersistentVolumeClaim{
		TypeMeta: claim.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			CreationTimestamp: claim.CreationTimestamp, DeletionTimestamp: claim.DeletionTimestamp,
			OwnerReferences: claim.OwnerReferences, Finalizers: claim.Finalizers,
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: claim.Spec.StorageClassName, VolumeName: claim.Spec.VolumeName, Resources: claim.Spec.Resources,
		},
		Status: corev1.PersistentVolumeClaimStatus{
			Phase: claim.Status.Phase, Capacity: claim.Status.Capacity, Conditions: claim.Status.Conditions,
		},
	}
	quantity.Cap(trimmed)
	return trimmed, nil
}

func groupOf(apiVersion string) string {
	group, _, _ := strings.Cut(apiVersion, "/")
	return group
}
