// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// gatherer reads the cluster, for one set at a time.
type gatherer struct {
	// reader is a cache that must not return anything older than our own last write.
	reader client.Reader
	// live asks the API server, for what is about to be deleted and for what is needed too seldom to be kept.
	live   client.Reader
	mapper meta.RESTMapper
	clock  clock.PassiveClock
	// home is the operator's own namespace, where the ledger is kept.
	home string
	// excluded namespaces are not served by the Pod webhooks.
	excluded sets.Set[string]
	// karpenter is what was found out last.
	karpenter karpenter
}

// earlier is what earlier steps of one call came to, as far as no object says it.
type earlier struct {
	// served is what the webhooks answered last, nil when they were not asked.
	served *Answer
	// refusal is of the deletion that was tried last, nil when it is recorded.
	refusal *Refusal
}

// snapshot gathers what a decision needs. What it returns is finished: nobody writes into it.
func (g *gatherer) snapshot(ctx context.Context, input *Input, before earlier) (*Snapshot, error) {
	s := &Snapshot{
		Input: *input, Now: g.clock.Now(), Details: map[types.UID]*Details{}, Served: before.served, Refusal: before.refusal,
	}
	s.Pods = slices.Clone(input.Pods)
	if err := g.patch(ctx, s); err != nil {
		return nil, err
	}
	if !s.enabled() {
		return s, nil
	}
	if err := g.nodes(ctx, s); err != nil {
		return nil, err
	}
	if err := g.ledger(ctx, s); err != nil {
		return nil, err
	}
	var err error
	if s.NamespaceServed, err = g.namespaceServed(ctx, s.Set.Namespace); err != nil {
		return nil, err
	}
	p := newPlanner(s)
	if p.karpenterMatters() {
		if s.Karpenter, err = g.karpenter.served(g.mapper, s.Now); err != nil {
			return nil, err
		}
	}
	return s, g.details(ctx, s, p)
}

// ours returns the SchedPatch of a set's auto remediation, nil when there is none; taken says whose another one of that
// name is.
func (g *gatherer) ours(ctx context.Context, set *v1beta1.StatefulSet) (patch *v1alpha1.SchedPatch, taken string, err error) {
	patch = &v1alpha1.SchedPatch{}
	key := client.ObjectKey{Namespace: set.Namespace, Name: PatchName(set.Name)}
	if err := g.reader.Get(ctx, key, patch); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, "", nil
		}
		return nil, "", fmt.Errorf("read SchedPatch %s: %w", key, err)
	}
	if !metav1.IsControlledBy(patch, set) {
		return nil, fmt.Sprintf("there is a SchedPatch %s that is not this StatefulSet's; delete it or give it another name", patch.Name), nil
	}
	if patch.DeletionTimestamp != nil {
		return nil, fmt.Sprintf("SchedPatch %s is being deleted; see what finalizer holds it", patch.Name), nil
	}
	return patch, "", nil
}

// patch reads our SchedPatch.
func (g *gatherer) patch(ctx context.Context, s *Snapshot) (err error) {
	if s.Patch, s.Obstacle, err = g.ours(ctx, s.Set); err != nil {
		return err
	}
	if s.Patch != nil {
		if s.Record, err = ParseRecord(s.Patch.Annotations[v1beta1.RemediationExclusionsAnnotation]); err != nil {
			s.Obstacle = fmt.Sprintf("the annotation %s of SchedPatch %s cannot be read (%v); delete the SchedPatch to begin anew",
				v1beta1.RemediationExclusionsAnnotation, s.Patch.Name, err)
		}
	}
	return nil
}

func (g *gatherer) nodes(ctx context.Context, s *Snapshot) error {
	list := &corev1.NodeList{}
	if err := g.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list Nodes: %w", err)
	}
	s.Nodes = make(map[string]*corev1.Node, len(list.Items))
	for i := range list.Items {
		s.Nodes[list.Items[i].Name] = &list.Items[i]
	}
	return nil
}

func (g *gatherer) namespaceServed(ctx context.Context, name string) (bool, error) {
	if g.excluded.Has(name) {
		return false, nil
	}
	namespace := &corev1.Namespace{}
	if err := g.reader.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return false, fmt.Errorf("read namespace %s: %w", name, err)
	}
	return namespace.Labels[v1beta1.InjectionLabel] != v1beta1.InjectionDisabled, nil
}

// details reads the Pods that may be deleted, and their volumes. A Pod that is gone by now is left out of the snapshot.
func (g *gatherer) details(ctx context.Context, s *Snapshot, p *planner) error {
	gone := map[types.UID]bool{}
	for _, i := range p.needDetails() {
		uid := s.Pods[i].UID
		pod := &corev1.Pod{}
		err := g.live.Get(ctx, client.ObjectKeyFromObject(s.Pods[i].Pod), pod)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("read Pod %s: %w", s.Pods[i].Name, err)
		}
		if err != nil || pod.UID != uid {
			gone[uid] = true
			continue
		}
		s.Pods[i].Pod = pod
		volumes, err := g.volumes(ctx, pod)
		if err != nil {
			return err
		}
		s.Details[uid] = &Details{Volumes: volumes}
	}
	s.Pods = slices.DeleteFunc(s.Pods, func(pod Pod) bool { return gone[pod.UID] })
	return nil
}

// volumes reads the claims of a Pod. One that does not exist is left out: the Pod waits for it, wherever it is.
func (g *gatherer) volumes(ctx context.Context, pod *corev1.Pod) ([]Volume, error) {
	var out []Volume
	for i := range pod.Spec.Volumes {
		name := claimName(pod, &pod.Spec.Volumes[i])
		if name == "" {
			continue
		}
		v := Volume{Claim: &corev1.PersistentVolumeClaim{}}
		if err := g.live.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: name}, v.Claim); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return nil, fmt.Errorf("read claim %s: %w", name, err)
		}
		var err error
		if v.PV, v.Lost, err = g.bound(ctx, v.Claim); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// bound reads the volume that a claim is bound to, nil when it is bound to none; lost says that there is no such
// volume any more.
func (g *gatherer) bound(ctx context.Context, claim *corev1.PersistentVolumeClaim) (pv *corev1.PersistentVolume, lost bool, err error) {
	if claim.Spec.VolumeName == "" {
		return nil, false, nil
	}
	pv = &corev1.PersistentVolume{}
	err = g.live.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, pv)
	switch {
	case apierrors.IsNotFound(err):
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("read the volume of claim %s: %w", claim.Name, err)
	}
	return pv, false, nil
}

// claimName names the claim behind a volume of a Pod, "" when there is none.
func claimName(pod *corev1.Pod, volume *corev1.Volume) string {
	switch {
	case volume.PersistentVolumeClaim != nil:
		return volume.PersistentVolumeClaim.ClaimName
	case volume.Ephemeral != nil:
		return pod.Name + "-" + volume.Name
	}
	return ""
}

const (
	// LedgerName names the Lease that keeps the ledger. It is one because the operator makes its own in its namespace
	// already, and nothing else there.
	LedgerName = "windlass-operator-remediation"
	// ledgerAnnotation holds the ledger.
	ledgerAnnotation = "apps.kruise.io/remediation-ledger"
)

// ledger reads what was done for all sets. A ledger that cannot be read is an obstacle: without it no limit of the
// whole cluster holds.
func (g *gatherer) ledger(ctx context.Context, s *Snapshot) error {
	lease := &coordinationv1.Lease{}
	err := g.live.Get(ctx, client.ObjectKey{Namespace: g.home, Name: LedgerName}, lease)
	switch {
	case apierrors.IsForbidden(err):
		s.Obstacle = cmp.Or(s.Obstacle, fmt.Sprintf("the operator may not read Lease %s/%s, where it keeps account; "+
			"its role in that namespace has to name it, as the chart's does", g.home, LedgerName))
		return nil
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("read Lease %s/%s, the ledger of auto remediation: %w", g.home, LedgerName, err)
	}
	s.LedgerVersion = lease.ResourceVersion
	if s.Ledger, err = ParseLedger(lease.Annotations[ledgerAnnotation]); err != nil {
		s.Obstacle = cmp.Or(s.Obstacle, fmt.Sprintf("the annotation %s of Lease %s/%s cannot be read (%v); delete the Lease to begin anew",
			ledgerAnnotation, g.home, LedgerName, err))
	}
	return g.presence(ctx, s)
}

// presence finds out what has become of the sets of the ledger.
func (g *gatherer) presence(ctx context.Context, s *Snapshot) (err error) {
	s.Gone, s.Unpatched = map[string]bool{}, map[string]bool{}
	for _, key := range s.Ledger.keys() {
		namespace, name, _ := strings.Cut(key, "/")
		if s.Gone[key], err = g.missing(ctx, &v1beta1.StatefulSet{}, namespace, name); err != nil {
			return err
		}
		if s.Unpatched[key], err = g.missing(ctx, &v1alpha1.SchedPatch{}, namespace, PatchName(name)); err != nil {
			return err
		}
	}
	return nil
}

func (g *gatherer) missing(ctx context.Context, object client.Object, namespace, name string) (bool, error) {
	err := g.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("read %s/%s for the ledger of auto remediation: %w", namespace, name, err)
	}
	return err != nil, nil
}
