// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pull"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// knownSets tells which StatefulSet a Pod or a claim concerns by its name. It follows the watch of StatefulSets. Its
// methods may be called from many goroutines.
type knownSets struct {
	mu sync.RWMutex
	// templates are the names of a set's claim templates.
	templates map[types.NamespacedName][]string
	// claims are the sets by the names of their claims without the ordinal.
	claims map[types.NamespacedName]types.NamespacedName
	// growing are the sets whose claims grow with the rollout.
	growing map[types.NamespacedName]bool
}

func newKnownSets() *knownSets {
	return &knownSets{
		templates: map[types.NamespacedName][]string{}, claims: map[types.NamespacedName]types.NamespacedName{},
		growing: map[types.NamespacedName]bool{},
	}
}

func (k *knownSets) put(set *v1beta1.StatefulSet) {
	key := client.ObjectKeyFromObject(set)
	k.remove(key)
	k.mu.Lock()
	defer k.mu.Unlock()
	names := make([]string, 0, len(set.Spec.VolumeClaimTemplates))
	for i := range set.Spec.VolumeClaimTemplates {
		name := set.Spec.VolumeClaimTemplates[i].Name
		names = append(names, name)
		k.claims[claimParent(key, name)] = key
	}
	k.templates[key] = names
	if len(names) > 0 && set.Spec.VolumeClaimUpdateStrategy.Type == v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy {
		k.growing[key] = true
	}
}

func (k *knownSets) remove(key types.NamespacedName) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range k.templates[key] {
		delete(k.claims, claimParent(key, name))
	}
	delete(k.templates, key)
	delete(k.growing, key)
}

// ofPod returns the set that a Pod's name says it is, or could be, one of.
func (k *knownSets) ofPod(namespace, name string) (types.NamespacedName, bool) {
	parent, _, ok := podcache.SplitOrdinal(name)
	key := types.NamespacedName{Namespace: namespace, Name: parent}
	k.mu.RLock()
	defer k.mu.RUnlock()
	_, known := k.templates[key]
	return key, ok && known
}

func (k *knownSets) ofClaim(namespace, name string) (types.NamespacedName, bool) {
	parent, _, ok := podcache.SplitOrdinal(name)
	k.mu.RLock()
	defer k.mu.RUnlock()
	key, known := k.claims[types.NamespacedName{Namespace: namespace, Name: parent}]
	return key, ok && known
}

// ofClasses returns the sets that mind whether StorageClasses let claims grow.
func (k *knownSets) ofClasses() []types.NamespacedName {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Collect(maps.Keys(k.growing))
}

func claimParent(set types.NamespacedName, template string) types.NamespacedName {
	return types.NamespacedName{Namespace: set.Namespace, Name: template + "-" + set.Name}
}

// setHandler makes a StatefulSet known before it enqueues it: a Pod that comes in between is then either seen by that
// look or finds the set known.
type setHandler struct{ known *knownSets }

// Create starts the first look at a set, also at those that were there before us.
func (h setHandler) Create(_ context.Context, e event.CreateEvent, q queue) {
	h.enqueue(e.Object.(*v1beta1.StatefulSet), q)
}

// Update leaves out what is not the user's doing, our own status writes first.
func (h setHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	if a, b := e.ObjectOld, e.ObjectNew; a.GetUID() == b.GetUID() && a.GetGeneration() == b.GetGeneration() &&
		maps.Equal(a.GetAnnotations(), b.GetAnnotations()) && a.GetDeletionTimestamp().Equal(b.GetDeletionTimestamp()) {
		return
	}
	h.enqueue(e.ObjectNew.(*v1beta1.StatefulSet), q)
}

func (h setHandler) enqueue(set *v1beta1.StatefulSet, q queue) {
	h.known.put(set)
	q.Add(requestFor(client.ObjectKeyFromObject(set)))
}

// Delete enqueues the set once more, so that what is remembered of it goes.
func (h setHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	key := client.ObjectKeyFromObject(e.Object)
	h.known.remove(key)
	q.Add(requestFor(key))
}

// Generic is not used by any source.
func (setHandler) Generic(context.Context, event.GenericEvent, queue) {}

// podHandler enqueues the set that controls a Pod, and the one whose Pod it is by its name: it could adopt the Pod, or
// waits for the name to become free.
type podHandler struct{ known *knownSets }

func (h podHandler) Create(_ context.Context, e event.CreateEvent, q queue)   { h.enqueue(q, e.Object) }
func (h podHandler) Delete(_ context.Context, e event.DeleteEvent, q queue)   { h.enqueue(q, e.Object) }
func (h podHandler) Generic(_ context.Context, e event.GenericEvent, q queue) { h.enqueue(q, e.Object) }

// Update looks at both states: a Pod may have changed hands.
func (h podHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	if !samePod(e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)) {
		h.enqueue(q, e.ObjectOld, e.ObjectNew)
	}
}

func (h podHandler) enqueue(q queue, pods ...client.Object) {
	var last types.NamespacedName
	for _, pod := range pods {
		for _, key := range h.setsOf(pod) {
			if key != last { // most often both states name the same set
				q.Add(requestFor(key))
			}
			last = key
		}
	}
}

func (h podHandler) setsOf(pod client.Object) []types.NamespacedName {
	var out []types.NamespacedName
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && owner.Kind == "StatefulSet" &&
		groupOf(owner.APIVersion) == v1beta1.GroupVersion.Group {
		out = append(out, types.NamespacedName{Namespace: pod.GetNamespace(), Name: owner.Name})
	}
	if owner, is := pull.OwnerOf(pod, "StatefulSet"); is {
		return []types.NamespacedName{{Namespace: pod.GetNamespace(), Name: owner}}
	}
	if key, ok := h.known.ofPod(pod.GetNamespace(), pod.GetName()); ok && (len(out) == 0 || out[0] != key) {
		out = append(out, key)
	}
	return out
}

// samePod reports whether nothing has changed that a StatefulSet minds. The cache keeps only such fields of a Pod, so
// few updates are alike.
func samePod(a, b *corev1.Pod) bool {
	return a.UID == b.UID && a.DeletionTimestamp.Equal(b.DeletionTimestamp) &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		equality.Semantic.DeepEqual(a.OwnerReferences, b.OwnerReferences) && equality.Semantic.DeepEqual(a.Finalizers, b.Finalizers) &&
		equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Status, b.Status)
}

// claimHandler enqueues the set that a claim is one of by its name.
type claimHandler struct{ known *knownSets }

func (h claimHandler) Create(_ context.Context, e event.CreateEvent, q queue) { h.enqueue(q, e.Object) }
func (h claimHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	h.enqueue(q, e.ObjectNew)
}
func (h claimHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) { h.enqueue(q, e.Object) }
func (h claimHandler) Generic(_ context.Context, e event.GenericEvent, q queue) {
	h.enqueue(q, e.Object)
}

func (h claimHandler) enqueue(q queue, claim client.Object) {
	if key, ok := h.known.ofClaim(claim.GetNamespace(), claim.GetName()); ok {
		q.Add(requestFor(key))
	}
}

// classHandler enqueues the sets whose claims could grow by now: a person was told that the StorageClass does not allow
// it.
type classHandler struct{ known *knownSets }

// Create brings a class that claims may have named before.
func (h classHandler) Create(_ context.Context, _ event.CreateEvent, q queue) { h.enqueue(q) }

// Update leaves out all but what claims that are there depend on.
func (h classHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	before, after := e.ObjectOld.(*storagev1.StorageClass), e.ObjectNew.(*storagev1.StorageClass)
	if !ptr.Equal(before.AllowVolumeExpansion, after.AllowVolumeExpansion) {
		h.enqueue(q)
	}
}

// Delete lets nothing grow.
func (classHandler) Delete(context.Context, event.DeleteEvent, queue) {}

// Generic is not used by any source.
func (classHandler) Generic(context.Context, event.GenericEvent, queue) {}

func (h classHandler) enqueue(q queue) {
	for _, key := range h.known.ofClasses() {
		q.Add(requestFor(key))
	}
}

func requestFor(key types.NamespacedName) reconcile.Request {
	return reconcile.Request{NamespacedName: key}
}
