// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NewStorage makes a StorageClass of the name, and so many volumes of it, of the size, for claims to be bound to. No
// driver stands behind the class, so nothing is provisioned; claims may ask for more than they have, but somebody has
// to say that they got it. The volumes are a directory that every node has; nothing should be written there.
func (c *Cluster) NewStorage(ctx context.Context, name string, volumes int, size string) error {
	class := &storagev1.StorageClass{
		ObjectMeta:           metav1.ObjectMeta{Name: name},
		Provisioner:          "kubernetes.io/no-provisioner",
		AllowVolumeExpansion: ptr.To(true),
	}
	if err := c.Client.Create(ctx, class); err != nil {
		return fmt.Errorf("create StorageClass %s: %w", name, err)
	}
	for n := range volumes {
		volume := &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, n)},
			Spec: corev1.PersistentVolumeSpec{
				Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)},
				AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
				StorageClassName:              name,
				PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/tmp"}},
			},
		}
		if err := c.Client.Create(ctx, volume); err != nil {
			return fmt.Errorf("create PersistentVolume %s: %w", volume.Name, err)
		}
	}
	return nil
}

// DeleteStorage deletes what NewStorage made.
func (c *Cluster) DeleteStorage(ctx context.Context, name string, volumes int) error {
	objects := []client.Object{&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}}}
	for n := range volumes {
		objects = append(objects, &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, n)}})
	}
	for _, object := range objects {
		if err := c.Client.Delete(ctx, object); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete the storage of class %s: %w", name, err)
		}
	}
	return nil
}

// ClaimTemplate asks for a volume of a StorageClass.
func ClaimTemplate(name, class, size string) corev1.PersistentVolumeClaim {
	return corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To(class),
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}},
		},
	}
}
