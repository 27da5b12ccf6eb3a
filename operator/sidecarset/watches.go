// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// sharedIndex tells which SidecarSets a Pod or a namespace concerns. It follows the watch of SidecarSets.
type sharedIndex struct {
	*sidecar.Index
}

func newSharedIndex() sharedIndex { return sharedIndex{sidecar.NewIndex()} }

// setHandler indexes a SidecarSet before it enqueues it: a Pod that comes in between is then either seen by that
// reconcile or finds the set in the index.
type setHandler struct {
	index   sharedIndex
	history *matchHistory
}

// Create starts the first look at a set, also at those that were there before us.
func (h setHandler) Create(ctx context.Context, e event.CreateEvent, q queue) {
	h.index.put(ctx, e.Object)
	enqueue(q, e.Object.GetName(), baseOf(e.Object))
}

// Update leaves out what is not the user's doing, our own status writes first. A canary that changes may serve other
// Pods than before, which its base, the one before the change included, then misses or no longer does.
func (h setHandler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	if sameSet(e.ObjectOld, e.ObjectNew) {
		h.index.Renew(e.ObjectNew.(*v1beta1.SidecarSet))
		return
	}
	if !sameSelectors(e.ObjectOld.(*v1beta1.SidecarSet), e.ObjectNew.(*v1beta1.SidecarSet)) {
		h.history.noteSelector(e.ObjectNew.GetName())
	}
	h.index.put(ctx, e.ObjectNew)
	enqueue(q, e.ObjectNew.GetName(), baseOf(e.ObjectOld), baseOf(e.ObjectNew))
}

// baseOf names the set whose canary an object is; empty when it is none.
func baseOf(object client.Object) string {
	return (&sidecar.Set{Object: object.(*v1beta1.SidecarSet)}).CanaryOf()
}

func enqueue(q queue, names ...string) {
	for name := range sets.New(names...).Delete("") {
		q.Add(requestFor(name))
	}
}

// sameSelectors reports whether two states of a set select the same Pods.
func sameSelectors(a, b *v1beta1.SidecarSet) bool {
	return a.Spec.Namespace == b.Spec.Namespace && equality.Semantic.DeepEqual(a.Spec.Selector, b.Spec.Selector) &&
		equality.Semantic.DeepEqual(a.Spec.NamespaceSelector, b.Spec.NamespaceSelector)
}

// sameSet reports whether nothing has changed that is the user's to change: the spec, or a label or annotation that has
// a meaning here (a custom version, a canary).
func sameSet(a, b client.Object) bool {
	return a.GetUID() == b.GetUID() && a.GetGeneration() == b.GetGeneration() &&
		maps.Equal(a.GetLabels(), b.GetLabels()) && maps.Equal(a.GetAnnotations(), b.GetAnnotations())
}

// Delete enqueues the set once more, so that its metrics go, and all others: what it held, or kept from being injected,
// may be theirs now.
func (h setHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	h.index.Delete(e.Object.GetName())
	h.history.forgetSet(e.Object.GetName())
	enqueue(q, append(h.index.Names(), e.Object.GetName(), baseOf(e.Object))...)
}

// Generic is not used by any source.
func (h setHandler) Generic(context.Context, event.GenericEvent, queue) {}

func (x sharedIndex) put(ctx context.Context, object client.Object) {
	set, err := sidecar.Compile(object.(*v1beta1.SidecarSet))
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "SidecarSet cannot be used until it is corrected")
		x.Delete(object.GetName())
		return
	}
	x.Put(set)
}

// concerned collects the names of the sets that select a Pod or that were injected into it.
func (x sharedIndex) concerned(pod client.Object, into sets.Set[string]) {
	for _, set := range x.Candidates(pod.GetNamespace(), pod.GetLabels()) {
		into.Insert(set.Name())
	}
	for _, name := range sidecar.InjectedSets(pod.GetAnnotations()) {
		if x.Get(name) != nil {
			into.Insert(name)
		}
	}
}

// podHandler enqueues the SidecarSets that a Pod concerns, whatever happens to it: also its end gives room to a rollout
// and changes counters.
type podHandler struct {
	index   sharedIndex
	history *matchHistory
}

func (h podHandler) Create(_ context.Context, e event.CreateEvent, q queue)   { h.enqueue(q, e.Object) }
func (h podHandler) Generic(_ context.Context, e event.GenericEvent, q queue) { h.enqueue(q, e.Object) }

// Delete has nothing to remember any more.
func (h podHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	h.history.forgetPod(e.Object.GetUID())
	h.enqueue(q, e.Object)
}

// Update looks at both states: a changed label may take a Pod away from a set.
func (h podHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	before, after := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
	if samePod(before, after) {
		return
	}
	if h.index.newlySelected(before, after) {
		h.history.notePod(after.UID)
	}
	h.enqueue(q, before, after)
}

// newlySelected reports whether a changed Pod is to have sidecars that it was not to have before.
func (x sharedIndex) newlySelected(before, after *corev1.Pod) bool {
	if sidecar.OptedOut(after) {
		return false
	}
	if sidecar.OptedOut(before) {
		return true
	}
	return !maps.Equal(before.Labels, after.Labels) &&
		slices.ContainsFunc(x.Candidates(after.Namespace, after.Labels), func(set *sidecar.Set) bool { return !set.MatchesPod(before.Labels) })
}

func (h podHandler) enqueue(q queue, pods ...client.Object) {
	names := sets.New[string]()
	for _, pod := range pods {
		h.index.concerned(pod, names)
		if owner, is := pull.OwnerOf(pod, "SidecarSet"); is {
			names.Insert(owner)
		}
	}
	for name := range names {
		q.Add(requestFor(name))
	}
}

// samePod reports whether nothing has changed that a SidecarSet minds. The cache keeps only such fields of a Pod, so
// few updates are alike.
func samePod(a, b *corev1.Pod) bool {
	return a.DeletionTimestamp.Equal(b.DeletionTimestamp) &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Status, b.Status)
}

// namespaceHandler enqueues the sets that a change of a namespace's labels may concern: those that select namespaces by
// label, or all when the label that turns injection on and off is the one that changed.
type namespaceHandler struct {
	index   sharedIndex
	history *matchHistory
}

// Create enqueues the sets that reach into the namespace: its first Pods may have been seen before it was.
func (h namespaceHandler) Create(_ context.Context, e event.CreateEvent, q queue) {
	for _, name := range h.index.Names() {
		if set := h.index.Get(name); set != nil && set.MatchesNamespace(e.Object.GetName(), e.Object.GetLabels()) {
			q.Add(requestFor(name))
		}
	}
}

// Delete needs no look: the namespace's Pods went before.
func (h namespaceHandler) Delete(_ context.Context, e event.DeleteEvent, _ queue) {
	h.history.forgetNamespace(e.Object.GetName())
}

// Generic is not used by any source.
func (namespaceHandler) Generic(context.Context, event.GenericEvent, queue) {}

// Update compares labels; they decide about every Pod of the namespace.
func (h namespaceHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	before, after := e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()
	if maps.Equal(before, after) {
		return
	}
	h.history.noteNamespace(e.ObjectNew.GetName(), h.index.reachingSince(e.ObjectNew.GetName(), before, after))
	everySet := before[v1beta1.InjectionLabel] != after[v1beta1.InjectionLabel]
	for _, name := range h.index.names(everySet) {
		q.Add(requestFor(name))
	}
}

// revisionHandler enqueues a set whose recorded versions somebody else has changed or deleted: they are put back as far
// as they can be.
type revisionHandler struct{ index sharedIndex }

// Create needs nothing: it is ours, and the next look reads what we wrote.
func (revisionHandler) Create(context.Context, event.CreateEvent, queue) {}

// Generic is not used by any source.
func (revisionHandler) Generic(context.Context, event.GenericEvent, queue) {}

// Update looks at both states: a changed label takes a revision away from its set.
func (h revisionHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	if e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() {
		return
	}
	h.enqueue(q, e.ObjectOld)
	h.enqueue(q, e.ObjectNew)
}

func (h revisionHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	h.enqueue(q, e.Object)
}

func (h revisionHandler) enqueue(q queue, revision client.Object) {
	if name := revision.GetLabels()[v1beta1.SidecarSetNameLabel]; h.index.Get(name) != nil {
		q.Add(requestFor(name))
	}
}

// reachingSince names the sets that reach a namespace since its labels changed; "" stands for all.
func (x sharedIndex) reachingSince(namespace string, before, after map[string]string) sets.Set[string] {
	out := sets.New[string]()
	if before[v1beta1.InjectionLabel] == v1beta1.InjectionDisabled && after[v1beta1.InjectionLabel] != v1beta1.InjectionDisabled {
		out.Insert("")
	}
	for _, name := range x.names(false) {
		if set := x.Get(name); set != nil && set.MatchesNamespace(namespace, after) && !set.MatchesNamespace(namespace, before) {
			out.Insert(name)
		}
	}
	return out
}

// names lists all sets, or those that select namespaces by label.
func (x sharedIndex) names(all bool) []string {
	names := x.Names()
	if all {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool {
		set := x.Get(name)
		return set == nil || set.Spec.NamespaceSelector == nil
	})
}

func requestFor(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}
