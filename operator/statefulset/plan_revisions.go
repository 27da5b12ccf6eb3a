// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	"github.com/windlass-operator/windlass/internal/revision"
)

// changeCauseAnnotation is what kubectl rollout history shows for a revision.
const changeCauseAnnotation = "kubernetes.io/change-cause"

// planRevisions looks for the revision of the set's template, by meaning and not by name or bytes, and plans to create
// it when there is none. Going back to an earlier template makes its revision the newest.
func planRevisions(s *Snapshot) (RevisionPlan, error) {
	plan := RevisionPlan{Collisions: s.Set.Status.CollisionCount}
	var same *Revision
	for _, r := range slices.Backward(s.Revisions) { // the newest that is the same
		if r.Defaulted != nil && podtemplate.Equal(r.Defaulted, s.Template) {
			same = r
			break
		}
	}
	if same != nil {
		plan.Update = same.Object.Name
	} else if err := plan.create(s); err != nil {
		return plan, err
	}
	plan.Current = s.Set.Status.CurrentRevision
	if !slices.ContainsFunc(s.Revisions, func(r *Revision) bool { return r.Object.Name == plan.Current }) {
		plan.Current = plan.Update
	}
	plan.change(s, same)
	plan.truncate(s)
	return plan, nil
}

func (p *RevisionPlan) create(s *Snapshot) error {
	data, err := podtemplate.Encode(&s.Set.Spec.Template)
	if err != nil {
		return fmt.Errorf("StatefulSet %s/%s: %w", s.Set.Namespace, s.Set.Name, err)
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(s.Revisions, func(r *Revision) bool { return r.Object.Name == name })
	}
	name, hash := revision.Name(s.Set.Name, data, p.Collisions)
	for taken(name) {
		p.Collisions = ptr.To(ptr.Deref(p.Collisions, 0) + 1)
		name, hash = revision.Name(s.Set.Name, data, p.Collisions)
	}
	p.Update = name
	p.Create = &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Set.Namespace, Name: name,
			Labels:          maps.Clone(s.Set.Spec.Template.Labels),
			OwnerReferences: []metav1.OwnerReference{*controllerRef(s.Set)},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: revision.Next(s.objects()),
	}
	metav1.SetMetaDataLabel(&p.Create.ObjectMeta, revision.HashLabel, hash)
	// Of the set's annotations only the one that describes the change: those of a tool that syncs from Git would make
	// the revision look like its own.
	if cause, ok := s.Set.Annotations[changeCauseAnnotation]; ok {
		metav1.SetMetaDataAnnotation(&p.Create.ObjectMeta, changeCauseAnnotation, cause)
	}
	return nil
}

// change adopts revisions without a controller and makes the one of the set's template the newest.
func (p *RevisionPlan) change(s *Snapshot, same *Revision) {
	newest := revision.Next(s.objects()) - 1
	for _, r := range s.Revisions {
		wanted := r.Object.DeepCopy()
		if r.orphan() {
			wanted.OwnerReferences = append(wanted.OwnerReferences, *controllerRef(s.Set))
		}
		if r == same && r.Object.Revision < newest {
			wanted.Revision = newest + 1
		}
		if r.orphan() || wanted.Revision != r.Object.Revision {
			p.Change = append(p.Change, ChangeRevision{r.Object, wanted})
		}
	}
}

// truncate forgets the oldest of the revisions that nothing uses, beyond revisionHistoryLimit of them.
func (p *RevisionPlan) truncate(s *Snapshot) {
	live := map[string]bool{p.Current: true, p.Update: true}
	for _, view := range s.Pods {
		live[view.Revision] = true
	}
	keep := int(ptr.Deref(s.Set.Spec.RevisionHistoryLimit, 10))
	for _, r := range s.Revisions {
		if live[r.Object.Name] {
			keep++
		}
	}
	p.Delete = revision.Surplus(s.objects(), keep, func(name string) bool { return live[name] })
}

// objects are the recorded revisions, oldest first.
func (s *Snapshot) objects() []*appsv1.ControllerRevision {
	out := make([]*appsv1.ControllerRevision, len(s.Revisions))
	for i, r := range s.Revisions {
		out[i] = r.Object
	}
	return out
}

// controllerRef makes the set the controller of what it makes. Deleting the set in the foreground waits for these.
func controllerRef(set *v1beta1.StatefulSet) *metav1.OwnerReference {
	return metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))
}
