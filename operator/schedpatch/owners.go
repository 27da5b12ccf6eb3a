// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/podcache"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// syncTimeout is how long a look waits for a kind that is followed newly.
const syncTimeout = 30 * time.Second

// Kinds through which Deployments and CronJobs own their Pods.
var (
	replicaSets = schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}
	jobs        = schema.GroupKind{Group: "batch", Kind: "Job"}
)

// unreadableError says that a kind cannot be followed until a person grants the operator the permission.
type unreadableError struct {
	kind     schema.GroupKind
	resource schema.GroupResource
}

func (e *unreadableError) Error() string {
	return fmt.Sprintf("the operator may not list and watch %s: grant it with the chart's value schedPatch.extraTargets "+
		"(apiGroups: [%q], resources: [%s])",
		e.resource, e.resource.Group, e.resource.Resource)
}

// owners knows workloads by their identity and owner, and nothing else of them. A kind is watched from the moment that
// a SchedPatch needs it; a cluster without SchedPatches watches none.
type owners struct {
	late LateWatches
	// handler takes the changes of owners.
	handler OwnerEvents
	live    client.Reader
	mapper  meta.RESTMapper

	mu       sync.Mutex
	followed map[schema.GroupKind]followed
}

// followed is a kind in the version in which it is watched.
type followed struct {
	schema.GroupVersionKind
	synced func() bool
}

// trimOwner is a cache.TransformFunc: it keeps what identifies an object and its owners.
func trimOwner(object any) (any, error) {
	whole, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil
	}
	return &metav1.PartialObjectMetadata{TypeMeta: whole.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: whole.Namespace, Name: whole.Name, UID: whole.UID, ResourceVersion: whole.ResourceVersion,
		Generation: whole.Generation, OwnerReferences: whole.OwnerReferences,
	}}, nil
}

// follow watches a kind, if it is not watched yet. It fails with
// *unreadableError without permission, and with an error that
// meta.IsNoMatchError knows when the cluster does not serve the kind.
func (o *owners) follow(ctx context.Context, kind schema.GroupKind) (schema.GroupVersionKind, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, ok := o.followed[kind]; ok {
		return known.GroupVersionKind, nil
	}
	mapping, err := o.mapper.RESTMapping(kind)
	if err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("look up kind %s: %w", kind, err)
	}
	gvk := mapping.GroupVersionKind
	if err := o.probe(ctx, kind, mapping); err != nil {
		return schema.GroupVersionKind{}, err
	}
	synced, err := o.late.WatchOwners(ctx, metadataOf(gvk), o.handler)
	if err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("watch %s: %w", kind, err)
	}
	o.followed[kind] = followed{gvk, synced}
	return gvk, nil
}

// probe asks for one object of a kind. A watch without permission would be tried again for ever, and whoever waits for
// it would never learn why.
func (o *owners) probe(ctx context.Context, kind schema.GroupKind, mapping *meta.RESTMapping) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(mapping.GroupVersionKind)
	err := o.live.List(ctx, list, client.Limit(1))
	switch {
	case apierrors.IsForbidden(err):
		return &unreadableError{kind: kind, resource: mapping.Resource.GroupResource()}
	case err != nil:
		return fmt.Errorf("list %s: %w", mapping.Resource.GroupResource(), err)
	}
	return nil
}

// target returns the workload that a SchedPatch names, nil when there is none.
func (o *owners) target(ctx context.Context, namespace string, target sched.Target) (*metav1.PartialObjectMetadata, error) {
	gvk, err := o.follow(ctx, target.GroupKind)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	object := metadataOf(gvk)
	if err := o.late.Get(ctx, types.NamespacedName{Namespace: namespace, Name: target.Name}, object); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read %s in namespace %s: %w", target, namespace, err)
	}
	return object, nil
}

// near finds workloads that may be meant by a target that does not exist: of its name and another kind, or of its kind
// and nearly its name. Kinds that the cluster does not serve, or the operator may not read, are passed over.
func (o *owners) near(ctx context.Context, namespace string, target sched.Target) ([]sched.Near, error) {
	var out []sched.Near
	for _, kind := range sched.Lookalikes(target.GroupKind) {
		mapping, err := o.mapper.RESTMapping(kind)
		if err != nil {
			continue
		}
		object := metadataOf(mapping.GroupVersionKind)
		if err := o.live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: target.Name}, object); err == nil {
			out = append(out, sched.Near{APIVersion: mapping.GroupVersionKind.GroupVersion().String(), Kind: kind.Kind, Name: target.Name})
		}
	}
	names, err := o.names(ctx, namespace, target.GroupKind)
	for _, name := range sched.NearNames(target.Name, names) {
		out = append(out, sched.Near{Kind: target.Kind, Name: name})
	}
	return out, err
}

// names lists the workloads of a kind in a namespace.
func (o *owners) names(ctx context.Context, namespace string, kind schema.GroupKind) ([]string, error) {
	gvk, err := o.follow(ctx, kind)
	if err != nil {
		return nil, err
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk)
	if err := o.late.List(ctx, list, client.UnsafeDisableDeepCopy, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list %s in namespace %s: %w", kind, namespace, err)
	}
	var out []string
	for i := range list.Items {
		out = append(out, list.Items[i].Name)
	}
	return out, nil
}

// controlledBy lists the UIDs of the objects of a kind that a workload owns.
func (o *owners) controlledBy(ctx context.Context, kind schema.GroupKind, namespace string, owner types.UID) ([]types.UID, error) {
	gvk, err := o.follow(ctx, kind)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk)
	err = o.late.List(ctx, list, client.UnsafeDisableDeepCopy, client.InNamespace(namespace),
		client.MatchingFields{podcache.ControllerIndex: string(owner)})
	if err != nil {
		return nil, fmt.Errorf("list %s in namespace %s: %w", kind, namespace, err)
	}
	out := make([]types.UID, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, list.Items[i].UID)
	}
	return out, nil
}

// above returns whom an owner of Pods is itself owned by. It never waits: false while the owner is not known. Its own
// event, when it comes, concerns the same SchedPatches.
func (o *owners) above(ctx context.Context, namespace string, owner sched.Target) (sched.Target, bool) {
	o.mu.Lock()
	known, ok := o.followed[owner.GroupKind]
	o.mu.Unlock()
	if !ok || !known.synced() {
		return sched.Target{}, false
	}
	object := metadataOf(known.GroupVersionKind)
	if err := o.late.Get(ctx, types.NamespacedName{Namespace: namespace, Name: owner.Name}, object); err != nil {
		return sched.Target{}, false
	}
	return controllerOf(object)
}

// between lists the kinds through which a workload may own Pods, given the Pods of its namespace: of a kind that is not
// known here, all that own any of them.
func between(target schema.GroupKind, pods func() ([]corev1.Pod, error)) ([]schema.GroupKind, error) {
	var kinds []schema.GroupKind
	for _, kind := range []schema.GroupKind{replicaSets, jobs} {
		if sched.MayOwnThrough(target, kind) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) < 2 { // no kind that is known owns through both
		return kinds, nil
	}
	all, err := pods()
	if err != nil {
		return nil, err
	}
	seen := map[schema.GroupKind]bool{}
	for i := range all {
		if owner, ok := controllerOf(&all[i]); ok && !seen[owner.GroupKind] && sched.MayOwnThrough(target, owner.GroupKind) {
			seen[owner.GroupKind] = true
		}
	}
	kinds = kinds[:0]
	for kind := range seen {
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// controllerOf returns the workload that controls an object.
func controllerOf(object metav1.Object) (sched.Target, bool) {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil {
		return sched.Target{}, false
	}
	return sched.TargetOfOwner(owner)
}

func metadataOf(gvk schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(gvk)
	return object
}
