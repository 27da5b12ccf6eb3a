// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/revision"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// RevisionPlan is what to do about the recorded revisions.
type RevisionPlan struct {
	// Current names the revision of the set's current version, which may be yet to be created.
	Current string
	// Create is a revision to create, nil for none.
	Create *appsv1.ControllerRevision
	// Change is the revision of the current version as it should be: the newest, labelled with the set's custom
	// version; nil when it is so. Old is what is stored.
	Change, Old *appsv1.ControllerRevision
	// Delete are the revisions to forget.
	Delete []*appsv1.ControllerRevision
	// Collisions is how often a name was taken by other data.
	Collisions *int32
}

// planRevisions looks for the revision of the set's current version, by meaning and not by name, and plans to create it
// when there is none. Going back to an earlier version makes its revision the newest.
func planRevisions(s *Snapshot) (RevisionPlan, error) {
	plan := RevisionPlan{Collisions: s.Set.Object.Status.CollisionCount}
	for _, r := range slices.Backward(s.Revisions) { // the newest that is the same
		if s.Set.SameVersion(r.Data.Raw) {
			plan.Current = r.Name
			plan.change(s, r)
			plan.truncate(s)
			return plan, nil
		}
	}
	data, err := s.Set.VersionData()
	if err != nil {
		return plan, err
	}
	plan.create(s, data)
	plan.truncate(s)
	return plan, nil
}

func (p *RevisionPlan) change(s *Snapshot, r *appsv1.ControllerRevision) {
	wanted := r.DeepCopy()
	if newest := revision.Next(s.Revisions) - 1; r.Revision < newest {
		wanted.Revision = newest + 1
	}
	if custom := s.Set.CustomVersion(); custom != "" && r.Labels[v1beta1.SidecarSetCustomVersionLabel] != custom {
		metav1.SetMetaDataLabel(&wanted.ObjectMeta, v1beta1.SidecarSetCustomVersionLabel, custom)
	}
	relabeled := wanted.Labels[v1beta1.SidecarSetCustomVersionLabel] != r.Labels[v1beta1.SidecarSetCustomVersionLabel]
	if wanted.Revision != r.Revision || relabeled {
		p.Change, p.Old = wanted, r
	}
}

func (p *RevisionPlan) create(s *Snapshot, data []byte) {
	taken := func(name string) bool {
		return slices.ContainsFunc(s.Revisions, func(r *appsv1.ControllerRevision) bool { return r.Name == name })
	}
	name, hash := revision.Name(s.Set.Name(), data, p.Collisions)
	for taken(name) {
		p.Collisions = ptr.To(ptr.Deref(p.Collisions, 0) + 1)
		name, hash = revision.Name(s.Set.Name(), data, p.Collisions)
	}
	p.Current = name
	owner := metav1.NewControllerRef(s.Set.Object, v1beta1.GroupVersion.WithKind("SidecarSet"))
	owner.BlockOwnerDeletion = nil // where that is enforced it would take the right to update finalizers
	// Labels and annotations of the set stay behind: those of a tool that syncs from Git would make the revision look
	// like its own.
	p.Create = &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				revision.HashLabel:          hash,
				v1beta1.SidecarSetNameLabel: s.Set.Name(),
			},
			Annotations: map[string]string{
				v1beta1.SidecarSetHashAnnotation:             s.Set.Hashes.Full,
				v1beta1.SidecarSetHashWithoutImageAnnotation: s.Set.Hashes.WithoutImage,
			},
			OwnerReferences: []metav1.OwnerReference{*owner},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: revision.Next(s.Revisions),
	}
	if custom := s.Set.CustomVersion(); custom != "" {
		p.Create.Labels[v1beta1.SidecarSetCustomVersionLabel] = custom
	}
}

// truncate forgets the oldest revisions beyond the limit, but none that a Pod runs, that injection is pinned to, or
// that is the current one.
func (p *RevisionPlan) truncate(s *Snapshot) {
	live := map[string]bool{p.Current: true, s.Set.Pinned(s.Revisions): true}
	for _, view := range s.Matched {
		live[view.RecordedRevision()], live[view.RevisionIn(s.Revisions)] = true, true
	}
	keep := max(1, int(ptr.Deref(s.Set.Spec.RevisionHistoryLimit, 10)))
	if p.Create != nil {
		keep--
	}
	p.Delete = revision.Surplus(s.Revisions, keep, func(name string) bool { return live[name] })
}

// ownRevisions keeps the revisions that belong to the set, oldest first.
func ownRevisions(set *sidecar.Set, all []appsv1.ControllerRevision) []*appsv1.ControllerRevision {
	var out []*appsv1.ControllerRevision
	for i := range all {
		if metav1.IsControlledBy(&all[i], set.Object) {
			out = append(out, &all[i])
		}
	}
	revision.Sort(out)
	return out
}
