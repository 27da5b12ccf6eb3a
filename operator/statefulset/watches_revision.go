// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// revisionHandler enqueues the set of a revision that is gone, or that is not the set's any more: Pods are marked with
// its name, so it is to be recorded again.
type revisionHandler struct{ handler.Funcs }

// Update looks again when a revision has lost its set.
func (revisionHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	before, after := controllerOf(e.ObjectOld), controllerOf(e.ObjectNew)
	if before != nil && (after == nil || after.UID != before.UID) {
		enqueueSet(e.ObjectOld.GetNamespace(), before, q)
	}
}

// Delete looks again when a revision is gone.
func (revisionHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	if owner := controllerOf(e.Object); owner != nil {
		enqueueSet(e.Object.GetNamespace(), owner, q)
	}
}

func enqueueSet(namespace string, owner *metav1.OwnerReference, q queue) {
	q.Add(requestFor(types.NamespacedName{Namespace: namespace, Name: owner.Name}))
}

// controllerOf is the StatefulSet of ours that controls an object, nil when it is something else.
func controllerOf(object client.Object) *metav1.OwnerReference {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil || owner.Kind != "StatefulSet" || groupOf(owner.APIVersion) != v1beta1.GroupVersion.Group {
		return nil
	}
	return owner
}
