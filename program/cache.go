// SPDX-License-Identifier: Apache-2.0

package program

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// DropBookkeeping is a cache.TransformFunc: it drops what others keep in an object to know what they have written. That
// is the managed fields, and of our own kinds what kubectl apply was given last, which is as large as the object. Nobody
// here reads it, and objects of our kinds are written by patches alone. A cache hands over what it has decoded, so the
// object itself is changed.
func DropBookkeeping(object any) (any, error) {
	o, err := meta.Accessor(object)
	if err != nil { // a tombstone
		return object, nil //nolint:nilerr // it passes as it is
	}
	o.SetManagedFields(nil)
	switch object.(type) {
	case *v1beta1.SidecarSet, *v1beta1.StatefulSet, *v1alpha1.SchedPatch:
		delete(o.GetAnnotations(), corev1.LastAppliedConfigAnnotation)
	}
	return object, nil
}
