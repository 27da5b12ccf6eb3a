// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// patchHandler enqueues the set that a SchedPatch was made for by auto remediation: a person may have taken a node out
// of it.
func patchHandler() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, patch client.Object) []reconcile.Request {
		owner := metav1.GetControllerOfNoCopy(patch)
		if owner == nil || owner.Kind != "StatefulSet" || groupOf(owner.APIVersion) != v1beta1.GroupVersion.Group {
			return nil
		}
		return []reconcile.Request{requestFor(types.NamespacedName{Namespace: patch.GetNamespace(), Name: owner.Name})}
	})
}

// patchChanges leaves out what people do not write, a SchedPatch's status first.
func patchChanges() predicate.Predicate {
	return predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
}
