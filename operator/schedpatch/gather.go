// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pods"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/operator/loop"
)

// gatherer reads the cluster. Its reader is a cache that must not return anything older than our own last write.
type gatherer struct {
	reader client.Reader
	// live asks the API server itself, for what is needed too seldom to be kept.
	live   client.Reader
	clock  clock.PassiveClock
	known  *registry
	owners *owners
	// templates remembers templates by SchedPatch.
	templates *templates
	// excluded namespaces are not served by the Pod webhooks.
	excluded sets.Set[string]
	// watchNodes begins to watch nodes, unless they are watched.
	watchNodes func() error
}

// once makes a function that is run until it has succeeded once.
func once(run func() error) func() error {
	var done atomic.Bool
	return func() error {
		if !done.CompareAndSwap(false, true) {
			return nil
		}
		err := run()
		if err != nil {
			done.Store(false)
		}
		return err
	}
}

// snapshot returns nil without an error when the SchedPatch is gone or going. It fails with *loop.Invalid when the
// SchedPatch cannot be used.
func (g *gatherer) snapshot(ctx context.Context, key types.NamespacedName) (*Snapshot, error) {
	object := &v1alpha1.SchedPatch{}
	if err := g.reader.Get(ctx, key, object); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if object.DeletionTimestamp != nil {
		return nil, nil
	}
	patch, err := sched.Compile(object)
	if err != nil {
		return nil, &loop.Invalid{Object: object, Err: err}
	}
	s := &Snapshot{Now: g.clock.Now(), Object: object, Patch: patch}
	if s.Served, err = g.served(ctx, key.Namespace); err != nil {
		return nil, err
	}
	if s.Target, err = g.target(ctx, patch); err != nil {
		return nil, err
	}
	if s.Since, err = g.since(ctx, object); err != nil {
		return nil, err
	}
	if s.Pods, err = g.pods(ctx, patch, s.Target.Object); err != nil {
		return nil, err
	}
	if s.Target.Object == nil || s.expired() {
		return s, nil
	}
	return s, g.newPods(ctx, s)
}

// newPods reads what new Pods are made from: to preview, to tell that they are denied, do not get the patch or find no
// node, or why some were skipped. It completes the snapshot.
func (g *gatherer) newPods(ctx context.Context, s *Snapshot) (err error) {
	if s.Template, err = g.templates.of(ctx, s.Patch, s.Target.Object, s.Pods); err != nil {
		return err
	}
	if s.Others, err = g.others(ctx, s.Patch, s.Template, s.Now); err != nil {
		return err
	}
	if s.asksNodes() {
		s.Nodes, err = g.nodes(ctx)
	}
	return err
}

// served reports whether the Pod webhooks serve a namespace.
func (g *gatherer) served(ctx context.Context, name string) (bool, error) {
	if g.excluded.Has(name) {
		return false, nil
	}
	namespace := &corev1.Namespace{}
	if err := g.reader.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("read namespace %s: %w", name, err)
	}
	return namespace.Labels[v1beta1.InjectionLabel] != v1beta1.InjectionDisabled, nil
}

func (g *gatherer) target(ctx context.Context, patch *sched.Patch) (Target, error) {
	object, err := g.owners.target(ctx, patch.Namespace(), patch.Target())
	if unreadable := (*unreadableError)(nil); errors.As(err, &unreadable) {
		return Target{Unreadable: unreadable.Error()}, nil
	}
	if meta.IsNoMatchError(err) {
		return Target{NotServed: true}, nil
	}
	if err != nil || object != nil {
		return Target{Object: object}, err
	}
	near, err := g.owners.near(ctx, patch.Namespace(), patch.Target())
	return Target{Near: near}, err
}

// since returns when the spec was last changed. It asks once for each change: the status keeps the answer.
func (g *gatherer) since(ctx context.Context, object *v1alpha1.SchedPatch) (metav1.Time, error) {
	before := object.Status.ActiveSince
	if before != nil && object.Status.ObservedGeneration == object.Generation {
		return *before, nil
	}
	if object.Generation <= 1 {
		return object.CreationTimestamp, nil
	}
	whole := &v1alpha1.SchedPatch{}
	if err := g.live.Get(ctx, client.ObjectKeyFromObject(object), whole); err != nil {
		return metav1.Time{}, fmt.Errorf("read when SchedPatch %s/%s was changed: %w", object.Namespace, object.Name, err)
	}
	return lastChange(whole), nil
}

// lastChange is when somebody last wrote to an object, other than to its status.
func lastChange(object metav1.Object) metav1.Time {
	last := object.GetCreationTimestamp()
	for _, entry := range object.GetManagedFields() {
		if entry.Subresource == "" && entry.Time != nil && last.Before(entry.Time) {
			last = *entry.Time
		}
	}
	return last
}

// pods finds the live Pods of the target that podSelector selects.
func (g *gatherer) pods(ctx context.Context, patch *sched.Patch, target *metav1.PartialObjectMetadata) ([]*corev1.Pod, error) {
	if target == nil {
		return nil, nil
	}
	makers, err := g.makers(ctx, target, patch.Target().GroupKind)
	if err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for _, maker := range makers {
		list, err := g.list(ctx, patch.Namespace(), client.MatchingFields{podcache.ControllerIndex: string(maker)})
		if err != nil {
			return nil, err
		}
		for i := range list {
			if pod := &list[i]; pods.Live(pod) && patch.SelectsPod(pod.Labels) {
				out = append(out, pod)
			}
		}
	}
	return out, nil
}

// makers lists who may control Pods of the target: it, and what it controls.
func (g *gatherer) makers(ctx context.Context, target *metav1.PartialObjectMetadata, kind schema.GroupKind) ([]types.UID, error) {
	makers := []types.UID{target.UID}
	kinds, err := between(kind, func() ([]corev1.Pod, error) { return g.list(ctx, target.Namespace) })
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		found, err := g.owners.controlledBy(ctx, kind, target.Namespace, target.UID)
		if unreadable := (*unreadableError)(nil); errors.As(err, &unreadable) || meta.IsNoMatchError(err) {
			continue // some other owner of Pods in this namespace, for all we may know
		}
		if err != nil {
			return nil, err
		}
		makers = append(makers, found...)
	}
	return makers, nil
}

func (g *gatherer) list(ctx context.Context, namespace string, options ...client.ListOption) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := g.reader.List(ctx, pods, append(options, client.UnsafeDisableDeepCopy, client.InNamespace(namespace))...); err != nil {
		return nil, fmt.Errorf("list Pods of namespace %s: %w", namespace, err)
	}
	return pods.Items, nil
}

// others lists the other patches that new Pods of the template, or of the target where there is none, get now.
func (g *gatherer) others(ctx context.Context, own *sched.Patch, template *sched.Template, now time.Time) ([]*sched.Patch, error) {
	var out []*sched.Patch
	for _, key := range g.known.targeting(own.Namespace(), own.Target()) {
		if key.Name == own.Name() {
			continue
		}
		patch, err := g.other(ctx, key)
		if err != nil {
			return nil, err
		}
		// One that was given another target just now is not of these any more.
		if patch != nil && patch.Target() == own.Target() && patch.ActiveAt(metav1.NewTime(now)) &&
			(template == nil || patch.SelectsPod(template.Labels)) {
			out = append(out, patch)
		}
	}
	return out, nil
}

// other reads another patch. It is nil when that is gone or going, or invalid, which its own status says.
func (g *gatherer) other(ctx context.Context, key types.NamespacedName) (*sched.Patch, error) {
	object := &v1alpha1.SchedPatch{}
	err := g.reader.Get(ctx, key, object)
	switch {
	case apierrors.IsNotFound(err), object.DeletionTimestamp != nil:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read SchedPatch %s: %w", key, err)
	}
	patch, err := sched.Compile(object)
	if err != nil {
		return nil, nil //nolint:nilerr // its own status says so
	}
	return patch, nil
}

// nodes lists the nodes, in no order. They are watched from then on.
func (g *gatherer) nodes(ctx context.Context) ([]*corev1.Node, error) {
	if err := g.watchNodes(); err != nil {
		return nil, fmt.Errorf("watch nodes: %w", err)
	}
	list := &corev1.NodeList{}
	if err := g.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	out := make([]*corev1.Node, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out, nil
}
