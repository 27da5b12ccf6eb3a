// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func enqueue(q queue, keys []types.NamespacedName) {
	for _, key := range keys {
		q.Add(reconcile.Request{NamespacedName: key})
	}
}

// patchHandler registers a SchedPatch before it enqueues it: a Pod that comes in between is then either seen by that
// look or finds the patch registered.
type patchHandler struct{ known *registry }

// Create starts the first look at a patch, also at those that were there before us.
func (h patchHandler) Create(_ context.Context, e event.CreateEvent, q queue) { h.put(q, e.Object) }

// Generic is not used by any source.
func (h patchHandler) Generic(context.Context, event.GenericEvent, queue) {}

// Update leaves out what is not the user's doing, our own status writes first.
func (h patchHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	if e.ObjectOld.GetUID() != e.ObjectNew.GetUID() || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
		h.enqueue(q, e.ObjectOld)
		h.put(q, e.ObjectNew)
	}
}

// Delete enqueues the patch once more, so that what is remembered of it goes.
func (h patchHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	h.known.delete(client.ObjectKeyFromObject(e.Object))
	h.enqueue(q, e.Object)
}

// put registers a patch and enqueues it.
func (h patchHandler) put(q queue, object client.Object) {
	patch := object.(*v1alpha1.SchedPatch)
	h.known.put(client.ObjectKeyFromObject(patch), entryOf(patch))
	h.enqueue(q, patch)
}

// enqueue enqueues a patch and the others of the same target: what becomes of one depends on those before it.
func (h patchHandler) enqueue(q queue, object client.Object) {
	enqueue(q, []types.NamespacedName{client.ObjectKeyFromObject(object)})
	enqueue(q, h.known.targeting(object.GetNamespace(), entryOf(object.(*v1alpha1.SchedPatch)).target))
}

// entryOf is what the registry keeps of a SchedPatch. A target whose apiVersion cannot be read is no workload's.
func entryOf(patch *v1alpha1.SchedPatch) entry {
	reference := &patch.Spec.TargetRef
	target, _ := sched.TargetOfOwner(&metav1.OwnerReference{APIVersion: reference.APIVersion, Kind: reference.Kind, Name: reference.Name})
	return entry{target: target, nodes: patch.Spec.Mode == v1alpha1.SchedPatchPreview || sched.NarrowsNodes(patch)}
}

// podHandler enqueues the patches of the workloads that Pods belong to.
type podHandler struct {
	known  *registry
	owners *owners
}

func (h podHandler) Create(_ context.Context, e event.CreateEvent, q queue) { h.enqueue(q, e.Object) }

// Generic is not used by any source.
func (h podHandler) Generic(context.Context, event.GenericEvent, queue) {}

// Update looks at both states: a changed label may take a Pod out of a selector.
func (h podHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	before, after := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
	if samePod(before, after) {
		return
	}
	h.enqueue(q, before)
	h.enqueue(q, after)
}

func (h podHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) { h.enqueue(q, e.Object) }

// samePod reports whether nothing has changed that a status speaks of. Another UID is that of another Pod: the watch has
// missed a deletion.
func samePod(a, b *corev1.Pod) bool {
	return a.UID == b.UID && pods.Live(a) == pods.Live(b) && a.Spec.NodeName == b.Spec.NodeName && maps.Equal(a.Labels, b.Labels) &&
		a.Annotations[v1beta1.SchedPatchesAnnotation] == b.Annotations[v1beta1.SchedPatchesAnnotation]
}

func (h podHandler) enqueue(q queue, pod client.Object) {
	namespace := pod.GetNamespace()
	owner, owned := controllerOf(pod)
	if !owned || !h.known.has(namespace) {
		return
	}
	enqueue(q, h.known.targeting(namespace, owner))
	if above, ok := h.owners.above(context.Background(), namespace, owner); ok {
		enqueue(q, h.known.targeting(namespace, above))
	}
}

// ownerHandler enqueues the patches of a workload, and of the one that controls it, when it comes, goes, or its
// template may have changed.
type ownerHandler struct{ known *registry }

func (h ownerHandler) Create(_ context.Context, e event.TypedCreateEvent[*metav1.PartialObjectMetadata], q queue) {
	h.enqueue(q, e.Object)
}

func (h ownerHandler) Delete(_ context.Context, e event.TypedDeleteEvent[*metav1.PartialObjectMetadata], q queue) {
	h.enqueue(q, e.Object)
}

// Generic is not used by any source.
func (h ownerHandler) Generic(context.Context, event.TypedGenericEvent[*metav1.PartialObjectMetadata], queue) {
}

// Update leaves out what is not the user's doing.
func (h ownerHandler) Update(_ context.Context, e event.TypedUpdateEvent[*metav1.PartialObjectMetadata], q queue) {
	before, after := e.ObjectOld, e.ObjectNew
	if before.UID == after.UID && before.Generation == after.Generation &&
		equality.Semantic.DeepEqual(before.OwnerReferences, after.OwnerReferences) {
		return
	}
	h.enqueue(q, before)
	h.enqueue(q, after)
}

func (h ownerHandler) enqueue(q queue, object *metav1.PartialObjectMetadata) {
	if !h.known.has(object.Namespace) {
		return
	}
	self := sched.Target{GroupKind: object.GroupVersionKind().GroupKind(), Name: object.Name}
	enqueue(q, h.known.targeting(object.Namespace, self))
	if above, ok := controllerOf(object); ok {
		enqueue(q, h.known.targeting(object.Namespace, above))
	}
}

// namespaceHandler enqueues the patches of a namespace when the webhooks begin or cease to serve it.
type namespaceHandler struct{ known *registry }

// Create needs nothing: a new namespace has no patches.
func (namespaceHandler) Create(context.Context, event.CreateEvent, queue) {}

// Delete needs nothing: its patches went before.
func (namespaceHandler) Delete(context.Context, event.DeleteEvent, queue) {}

// Generic is not used by any source.
func (namespaceHandler) Generic(context.Context, event.GenericEvent, queue) {}

// Update looks at the one label that decides.
func (h namespaceHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	if e.ObjectOld.GetLabels()[v1beta1.InjectionLabel] != e.ObjectNew.GetLabels()[v1beta1.InjectionLabel] {
		enqueue(q, h.known.inNamespace(e.ObjectNew.GetName()))
	}
}

// nodeHandler enqueues what speaks of nodes when one comes, goes, or lets other Pods in than before.
type nodeHandler struct{ known *registry }

func (h nodeHandler) Create(_ context.Context, _ event.TypedCreateEvent[*corev1.Node], q queue) {
	enqueue(q, h.known.askingNodes())
}

func (h nodeHandler) Delete(_ context.Context, _ event.TypedDeleteEvent[*corev1.Node], q queue) {
	enqueue(q, h.known.askingNodes())
}

// Generic is not used by any source.
func (h nodeHandler) Generic(context.Context, event.TypedGenericEvent[*corev1.Node], queue) {}

// Update leaves out the heartbeats.
func (h nodeHandler) Update(_ context.Context, e event.TypedUpdateEvent[*corev1.Node], q queue) {
	before, after := e.ObjectOld, e.ObjectNew
	if before.Spec.Unschedulable != after.Spec.Unschedulable || !maps.Equal(before.Labels, after.Labels) ||
		!equality.Semantic.DeepEqual(before.Spec.Taints, after.Spec.Taints) {
		enqueue(q, h.known.askingNodes())
	}
}
