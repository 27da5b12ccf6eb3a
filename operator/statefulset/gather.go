// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/revision"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/pullers"
)

// gatherer reads the cluster, through the cache. Its reader must not return anything older than our own last write.
type gatherer struct {
	reader client.Reader
	clock  clock.PassiveClock
	// canResize reports whether the API server serves the resize subresource.
	canResize bool
	templates *templates
	memory    *memory
	// ledger has what is taken by all sets, and waiters who waits for PodDisruptionBudgets.
	ledger  *ledger.Ledger
	waiters *ledger.Waiters
	// pullers know what is known of pulls of images, and preDownload is the policy of sets that say nothing of it.
	pullers     *pullers.Pullers
	preDownload v1beta1.ImagePreDownloadPolicy
}

// snapshot returns nil without an error when the StatefulSet is gone or going. The garbage collector ends what is left
// then.
func (g *gatherer) snapshot(ctx context.Context, key client.ObjectKey) (*Snapshot, error) {
	set := &v1beta1.StatefulSet{}
	if err := g.reader.Get(ctx, key, set); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if set.DeletionTimestamp != nil {
		return nil, nil
	}
	return g.around(ctx, set)
}

// around reads what a decision about a StatefulSet rests on.
func (g *gatherer) around(ctx context.Context, set *v1beta1.StatefulSet) (*Snapshot, error) {
	selector, err := usable(&set.Spec)
	if err != nil {
		return nil, &loop.Invalid{Object: set, Err: err}
	}
	s := &Snapshot{Now: g.clock.Now(), Set: set, CanResize: g.canResize}
	g.memory.recall(s)
	g.openLedger(s)
	s.Images.Default = g.preDownload
	if s.Images.Known, err = g.pullers.Known(ctx, set, s.Now); err != nil {
		return nil, err
	}
	if err := g.revisions(ctx, s, selector); err != nil {
		return nil, err
	}
	if err := g.pods(ctx, s, selector); err != nil {
		return nil, err
	}
	if err := g.strangers(ctx, s); err != nil {
		return nil, err
	}
	if err := g.disruptionBudgets(ctx, s); err != nil {
		return nil, err
	}
	if err := g.kubelets(ctx, s); err != nil {
		return nil, err
	}
	return s, g.claims(ctx, s)
}

// kubelets reads which kubelets the nodes of Pods have that may be changed in place.
func (g *gatherer) kubelets(ctx context.Context, s *Snapshot) error {
	s.Kubelets = map[string]string{}
	for _, view := range s.Pods {
		name := view.Pod.Spec.NodeName
		if _, known := s.Kubelets[name]; known || name == "" || !s.mayChange(view) {
			continue
		}
		node := &corev1.Node{}
		if err := g.reader.Get(ctx, client.ObjectKey{Name: name}, node); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("read node %s of Pod %s for its kubelet's version: %w", name, view.Pod.Name, err)
		}
		s.Kubelets[name] = node.Status.NodeInfo.KubeletVersion // of a node that is gone nobody knows it
	}
	return nil
}

// mayChange reports whether a Pod may have to be changed in place.
func (s *Snapshot) mayChange(view *View) bool {
	policy, status := s.strategy().PodUpdatePolicy, &s.Set.Status
	return (policy == v1beta1.InPlaceIfPossiblePodUpdatePolicy || policy == v1beta1.InPlaceOnlyPodUpdatePolicy) &&
		(status.ObservedGeneration != s.Set.Generation || view.Revision != status.UpdateRevision || view.Limited.Held())
}

// pods sorts out the Pods that the set controls and those without a controller that it could.
func (g *gatherer) pods(ctx context.Context, s *Snapshot, selector labels.Selector) error {
	for _, which := range []client.MatchingFields{{podcache.ControllerIndex: string(s.Set.UID)}, {podcache.OrphanIndex: s.Set.Name}} {
		list := &corev1.PodList{}
		if err := g.reader.List(ctx, list, client.UnsafeDisableDeepCopy, client.InNamespace(s.Set.Namespace), which); err != nil {
			return fmt.Errorf("list the Pods of StatefulSet %s/%s: %w", s.Set.Namespace, s.Set.Name, err)
		}
		s.Pods = slices.Grow(s.Pods, len(list.Items))
		for i := range list.Items {
			s.claim(&list.Items[i], selector)
		}
	}
	s.sort()
	return nil
}

// sort sorts the Pods by ordinal. One that lost its controller between both lists is in both: what the later one says
// counts.
func (s *Snapshot) sort() {
	slices.SortFunc(s.Pods, func(a, b *View) int { return cmp.Or(a.Ordinal-b.Ordinal, rank(a.Orphan)-rank(b.Orphan)) })
	s.Pods = slices.CompactFunc(s.Pods, func(a, b *View) bool { return a.Ordinal == b.Ordinal })
}

// claim takes a Pod as the set's if its labels and its name say that it is.
func (s *Snapshot) claim(pod *corev1.Pod, selector labels.Selector) {
	owned := metav1.IsControlledBy(pod, s.Set)
	going := owned && pod.DeletionTimestamp != nil // whatever its labels are by now, it is too late to let it go
	fits := ordinalOf(s.Set.Name, pod.Name) >= 0 && (going || selector.Matches(labels.Set(pod.Labels)))
	switch {
	case fits && (owned || pod.DeletionTimestamp == nil):
		view := s.newView(pod)
		view.Orphan = !owned
		s.Pods = append(s.Pods, view)
	case owned && pod.DeletionTimestamp == nil:
		s.Released = append(s.Released, pod)
	}
}

// strangers looks for Pods of others under the names of Pods that are missing: of those that one plan could create, and
// no more. A set may ask for a hundred thousand Pods and have none of them for days.
func (g *gatherer) strangers(ctx context.Context, s *Snapshot) error {
	here := make(map[int]bool, len(s.Pods))
	for _, view := range s.Pods {
		here[view.Ordinal] = true
	}
	s.Taken = map[string]string{}
	free := maxCreations + len(s.Refusals)
	if s.ordered() {
		free = 1
	}
	for _, ordinal := range ordinals(&s.Set.Spec) {
		if here[ordinal] {
			continue
		}
		if free == 0 {
			return nil
		}
		pod := &corev1.Pod{}
		err := g.reader.Get(ctx, client.ObjectKey{Namespace: s.Set.Namespace, Name: podName(s.Set, ordinal)}, pod)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("look for Pod %s: %w", podName(s.Set, ordinal), err)
		}
		if err == nil {
			s.Taken[pod.Name] = describeOwner(pod)
		}
		if err != nil || s.ordered() {
			free--
		}
	}
	return nil
}

func describeOwner(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	switch {
	case owner == nil && pod.DeletionTimestamp != nil:
		return "a Pod without a controller that is being deleted"
	case owner == nil:
		return "a Pod without a controller that spec.selector does not match"
	}
	return fmt.Sprintf("a Pod of %s %s (%s)", owner.Kind, owner.Name, owner.APIVersion)
}

func (g *gatherer) revisions(ctx context.Context, s *Snapshot, selector labels.Selector) error {
	var objects []*appsv1.ControllerRevision
	for _, owner := range []string{string(s.Set.UID), noController} {
		list := &appsv1.ControllerRevisionList{}
		which := client.MatchingFields{revisionControllerIndex: owner}
		if err := g.reader.List(ctx, list, client.UnsafeDisableDeepCopy, client.InNamespace(s.Set.Namespace), which); err != nil {
			return fmt.Errorf("list the revisions of StatefulSet %s/%s: %w", s.Set.Namespace, s.Set.Name, err)
		}
		for i := range list.Items {
			if r := &list.Items[i]; metav1.IsControlledBy(r, s.Set) || selector.Matches(labels.Set(r.Labels)) && r.DeletionTimestamp == nil {
				objects = append(objects, r)
			}
		}
	}
	revision.Sort(objects)
	s.Template, s.Revisions = g.templates.read(s.Set, objects)
	return nil
}

// claims reads the claims that the set's claim templates have led to.
func (g *gatherer) claims(ctx context.Context, s *Snapshot) error {
	s.Claims = map[string]*corev1.PersistentVolumeClaim{}
	for _, name := range s.claimed() {
		list := &corev1.PersistentVolumeClaimList{}
		which := client.MatchingFields{claimParentIndex: name + "-" + s.Set.Name}
		if err := g.reader.List(ctx, list, client.UnsafeDisableDeepCopy, client.InNamespace(s.Set.Namespace), which); err != nil {
			return fmt.Errorf("list the claims of StatefulSet %s/%s: %w", s.Set.Namespace, s.Set.Name, err)
		}
		for j := range list.Items {
			s.Claims[list.Items[j].Name] = &list.Items[j]
		}
	}
	if len(s.Claims) == 0 || s.Set.Spec.VolumeClaimUpdateStrategy.Type != v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy {
		return nil
	}
	classes := &storagev1.StorageClassList{}
	if err := g.reader.List(ctx, classes, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list StorageClasses: %w", err)
	}
	s.Expandable = map[string]bool{}
	for i := range classes.Items {
		s.Expandable[classes.Items[i].Name] = ptr.Deref(classes.Items[i].AllowVolumeExpansion, false)
	}
	return nil
}

// claimed names the claim templates whose claims matter: the set's, and those that were removed and that the
// partition's revision mounts all the same.
func (s *Snapshot) claimed() []string {
	var out []string
	for i := range s.Set.Spec.VolumeClaimTemplates {
		out = append(out, s.Set.Spec.VolumeClaimTemplates[i].Name)
	}
	for _, r := range s.Revisions {
		if r.Object.Name == s.Set.Status.CurrentRevision && r.Template != nil {
			out = append(out, removedTemplates(s.Set, r.Template)...)
		}
	}
	return out
}
