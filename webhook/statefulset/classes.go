// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"
)

// defaultClassAnnotation marks the StorageClass of claims that name none.
const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class"

// Classes are the StorageClasses of the cluster.
type Classes []storagev1.StorageClass

// classOf returns the StorageClass that claims made from a template get, and the name it goes by. The class is nil when
// there is none of that name; the name is empty when the claim wants none or the cluster has no default.
func (classes Classes) classOf(claim *corev1.PersistentVolumeClaim) (name string, class *storagev1.StorageClass) {
	wanted, named := namedClass(claim)
	if !named {
		if class = classes.defaultClass(); class == nil {
			return "", nil
		}
		return class.Name, class
	}
	for i := range classes {
		if classes[i].Name == wanted && wanted != "" {
			return wanted, &classes[i]
		}
	}
	return wanted, nil
}

// namedClass is what a claim says itself, by the annotation that came before the field if it has both.
func namedClass(claim *corev1.PersistentVolumeClaim) (name string, named bool) {
	if name, found := claim.Annotations[corev1.BetaStorageClassAnnotation]; found {
		return name, true
	}
	return ptr.Deref(claim.Spec.StorageClassName, ""), claim.Spec.StorageClassName != nil
}

// defaultClass is, of several, the newest one and then the first by name, as for the API server.
func (classes Classes) defaultClass() *storagev1.StorageClass {
	var defaults []*storagev1.StorageClass
	for i := range classes {
		if classes[i].Annotations[defaultClassAnnotation] == "true" {
			defaults = append(defaults, &classes[i])
		}
	}
	if len(defaults) == 0 {
		return nil
	}
	return slices.MinFunc(defaults, func(a, b *storagev1.StorageClass) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
}

// canExpand reports whether claims of a class may grow. Saying nothing means no.
func canExpand(class *storagev1.StorageClass) bool {
	return ptr.Deref(class.AllowVolumeExpansion, false)
}
