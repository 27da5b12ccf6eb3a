// SPDX-License-Identifier: Apache-2.0

// Package versions chooses which recorded version of a SidecarSet a new Pod gets: the current one, or the one that
// injection is pinned to.
package versions

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/revision"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/follow"
)

// Known are the recorded revisions of all SidecarSets, kept current by a watch. It is safe for concurrent use.
type Known struct {
	*follow.Watch

	// nameless counts the Pods without a name that were placed.
	nameless atomic.Uint64

	mu sync.RWMutex
	// byOwner are the revisions of each SidecarSet by their names.
	byOwner map[types.UID]map[string]*appsv1.ControllerRevision
	// compiled are versions that were worked out, by SidecarSet. An entry is only good for the set and the revisions
	// that it was made from.
	compiled map[types.UID]*worked
	// epoch counts the changes of each SidecarSet's revisions. It is kept for good: one that began again could be taken
	// for an earlier one.
	epoch map[types.UID]uint64
}

// worked is what was worked out for one SidecarSet as it was once.
type worked struct {
	of      *sidecar.Set
	current *sidecar.Set
	pinned  *sidecar.Set // nil when there is nothing to pin to
}

// Follow watches the revisions in the namespace that the operator keeps them in, through a cache that is started later.
func Follow(ctx context.Context, c cache.Cache) (known *Known, err error) {
	known = newKnown()
	known.Watch, err = follow.Start(ctx, c, "ControllerRevisions", &appsv1.ControllerRevision{},
		follow.Into[*appsv1.ControllerRevision]{Put: known.put, Delete: known.remove})
	return known, err
}

func newKnown() *Known {
	return &Known{
		byOwner:  map[types.UID]map[string]*appsv1.ControllerRevision{},
		compiled: map[types.UID]*worked{},
		epoch:    map[types.UID]uint64{},
	}
}

func (k *Known) put(r *appsv1.ControllerRevision) {
	owner := metav1.GetControllerOf(r)
	if owner == nil || owner.Kind != "SidecarSet" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byOwner[owner.UID] == nil {
		k.byOwner[owner.UID] = map[string]*appsv1.ControllerRevision{}
	}
	k.byOwner[owner.UID][r.Name] = r
	k.changed(owner.UID)
}

// changed forgets what was worked out from other revisions, and keeps what is being worked out from being kept. k.mu is
// held.
func (k *Known) changed(owner types.UID) {
	k.epoch[owner]++
	delete(k.compiled, owner)
}

func (k *Known) remove(r *appsv1.ControllerRevision) {
	owner := metav1.GetControllerOf(r)
	if owner == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.byOwner[owner.UID], r.Name)
	k.changed(owner.UID)
	if len(k.byOwner[owner.UID]) == 0 {
		delete(k.byOwner, owner.UID)
	}
}

// For returns the version of a set that a new Pod gets. It fails when injection is pinned to a revision that is not
// there: the current version is returned beside the error, for a Pod is better off with it than without a sidecar.
func (k *Known) For(set *sidecar.Set, pod *corev1.Pod) (*sidecar.Set, error) {
	versions, err := k.versions(set)
	if err != nil {
		return set, err
	}
	pin := set.Spec.InjectionStrategy.Revision
	if !pins(pin) {
		return versions.current, nil
	}
	if held := versions.heldBy(pod); held != nil {
		return held, nil // the webhook is called again for one Pod
	}
	if !k.getsPinned(set, pod) {
		return versions.current, nil
	}
	if versions.pinned == nil {
		return versions.current, fmt.Errorf("spec.injectionStrategy.revision of SidecarSet %s names %s, of which no "+
			"revision is kept; the current version is injected", set.Name(), describe(pin))
	}
	return versions.pinned, nil
}

// heldBy returns the version that was injected into the Pod already, or nil.
func (w *worked) heldBy(pod *corev1.Pod) *sidecar.Set {
	switch {
	case w.pinned != nil && sidecar.NewView(pod, w.pinned).Updated():
		return w.pinned
	case sidecar.NewView(pod, w.current).Updated():
		return w.current
	default:
		return nil
	}
}

// Exists reports whether a SidecarSet has a revision of this name or, when the name is empty, one with this custom
// version.
func (k *Known) Exists(set *v1beta1.SidecarSet, revisionName, customVersion string) bool {
	revisions, _ := k.of(set.UID)
	return slices.ContainsFunc(revisions, func(r *appsv1.ControllerRevision) bool {
		if revisionName != "" {
			return r.Name == revisionName
		}
		return r.Labels[v1beta1.SidecarSetCustomVersionLabel] == customVersion
	})
}

// of returns the revisions of a SidecarSet, oldest first, and their epoch.
func (k *Known) of(owner types.UID) ([]*appsv1.ControllerRevision, uint64) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]*appsv1.ControllerRevision, 0, len(k.byOwner[owner]))
	for _, r := range k.byOwner[owner] {
		out = append(out, r)
	}
	revision.Sort(out)
	return out, k.epoch[owner]
}

// versions works out the current and the pinned version once for each change of the set and each change of its
// revisions.
func (k *Known) versions(set *sidecar.Set) (*worked, error) {
	k.mu.RLock()
	known := k.compiled[set.Object.UID]
	k.mu.RUnlock()
	if known != nil && known.of == set {
		return known, nil
	}
	revisions, epoch := k.of(set.Object.UID)
	out, err := workOut(set, revisions)
	if err != nil {
		return nil, err
	}
	k.keep(out, epoch)
	return out, nil
}

func workOut(set *sidecar.Set, revisions []*appsv1.ControllerRevision) (*worked, error) {
	out := &worked{of: set, current: set.WithRevision(currentName(set, revisions))}
	if name := set.Pinned(revisions); name != "" {
		at := slices.IndexFunc(revisions, func(r *appsv1.ControllerRevision) bool { return r.Name == name })
		pinned, err := set.At(name, revisions[at].Data.Raw)
		if err != nil {
			return nil, err
		}
		out.pinned = pinned
	}
	return out, nil
}

// keep spares the next Pod the work, unless the revisions have changed since they were read.
func (k *Known) keep(w *worked, epoch uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if owner := w.of.Object.UID; k.epoch[owner] == epoch {
		k.compiled[owner] = w
	}
}

// currentName is the revision that records the set's current version. The operator may be about to create it; then it
// is the name that it will give.
func currentName(set *sidecar.Set, revisions []*appsv1.ControllerRevision) string {
	for _, r := range slices.Backward(revisions) {
		if set.SameVersion(r.Data.Raw) {
			return r.Name
		}
	}
	data, err := set.VersionData()
	if err != nil {
		return ""
	}
	name, _ := revision.Name(set.Name(), data, set.Object.Status.CollisionCount)
	return name
}

func pins(pin *v1beta1.SidecarSetInjectRevision) bool {
	return pin != nil && (pin.RevisionName != nil || pin.CustomVersion != nil)
}

func describe(pin *v1beta1.SidecarSetInjectRevision) string {
	if pin.RevisionName != nil {
		return "revisionName " + *pin.RevisionName
	}
	return "customVersion " + *pin.CustomVersion
}

// getsPinned reports whether a Pod gets the pinned version: always under policy Always and while the update is paused.
// Under Partial, a Pod that the update leaves out gets it, and of the others as large a share as the partition's
// percentage.
func (k *Known) getsPinned(set *sidecar.Set, pod *corev1.Pod) bool {
	strategy := &set.Spec.UpdateStrategy
	switch {
	case strategy.Paused, set.Spec.InjectionStrategy.Revision.Policy != v1beta1.PartialSidecarSetInjectRevisionPolicy:
		return true
	case !set.UpdateSelects(pod.Labels):
		return true
	case strategy.Partition == nil || strategy.Partition.Type == intstr.Int:
		return false
	}
	percent, err := intstr.GetScaledValueFromIntOrPercent(strategy.Partition, 100, true)
	return err == nil && k.share(set, pod) < float64(percent)/100
}

// goldenRatio steps through the numbers between 0 and 1 so that any run of them is spread evenly (the additive
// recurrence of Kronecker, with the most evenly spread of all constants).
const goldenRatio = 0.6180339887498949

// share places a Pod between 0 and 1. A Pod that has a name always gets the same place, so that it gets the same
// version whenever it is recreated. One whose name is yet to be generated has no identity; such Pods are spread
// evenly in the order in which they come.
func (k *Known) share(set *sidecar.Set, pod *corev1.Pod) float64 {
	if pod.Name == "" {
		_, fraction := math.Modf(float64(k.nameless.Add(1)) * goldenRatio)
		return fraction
	}
	h := fnv.New32a()
	for _, part := range []string{set.Name(), pod.Namespace, pod.Name} {
		_, _ = h.Write([]byte(part)) // a hash never fails to be written to
		_, _ = h.Write([]byte{0})
	}
	return float64(h.Sum32()) / math.MaxUint32
}
