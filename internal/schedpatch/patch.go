// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"cmp"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// Patch is a SchedPatch made ready for use: validated, with its selector compiled and its hash computed, once. It is
// immutable and may be shared.
type Patch struct {
	// Object is the SchedPatch as it is stored.
	Object *v1alpha1.SchedPatch

	target   Target
	selector labels.Selector
	hash     string
}

// Compile makes a SchedPatch ready for use. It fails for everything that Validate refuses: a Pod with such rules would
// be refused by the API server, and no Pod is ever lost to a patch. Such an object can only have been stored while the
// webhook was away.
func Compile(object *v1alpha1.SchedPatch) (*Patch, error) {
	if errs := Validate(object); len(errs) > 0 {
		return nil, fmt.Errorf("SchedPatch %s/%s: %w", object.Namespace, object.Name, errs.ToAggregate())
	}
	target, err := targetOf(&object.Spec.TargetRef)
	if err != nil {
		return nil, fmt.Errorf("SchedPatch %s/%s: spec.targetRef.apiVersion: %w", object.Namespace, object.Name, err)
	}
	selector, err := compileSelector(object.Spec.PodSelector)
	if err != nil {
		return nil, fmt.Errorf("SchedPatch %s/%s: spec.podSelector: %w", object.Namespace, object.Name, err)
	}
	hash, err := hashOf(&object.Spec)
	if err != nil {
		return nil, fmt.Errorf("SchedPatch %s/%s: %w", object.Namespace, object.Name, err)
	}
	return &Patch{Object: object, target: target, selector: selector, hash: hash}, nil
}

// compileSelector: without a selector, or with an empty one, the patch is for all Pods of the target.
func compileSelector(selector *metav1.LabelSelector) (labels.Selector, error) {
	if selector == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(selector)
}

// targetOf reads whom a reference names. The version does not matter: it is the same object in all versions of its
// group.
func targetOf(reference *v1alpha1.TargetReference) (Target, error) {
	version, err := schema.ParseGroupVersion(reference.APIVersion)
	if err != nil {
		return Target{}, err
	}
	return Target{GroupKind: version.WithKind(reference.Kind).GroupKind(), Name: reference.Name}, nil
}

// Name is the SchedPatch's name.
func (p *Patch) Name() string { return p.Object.Name }

// Namespace is the SchedPatch's namespace, the only one that it reaches.
func (p *Patch) Namespace() string { return p.Object.Namespace }

// Target is the workload that the patch is for.
func (p *Patch) Target() Target { return p.target }

// Hash identifies the rules that the patch adds, and nothing else of it: 10 characters that may be a label's value. It
// is the same for equal rules.
func (p *Patch) Hash() string { return p.hash }

// Label is the label of Pods that carry the patch.
func (p *Patch) Label() (key, value string) { return LabelKey(p.Name()), p.hash }

// SelectsPod reports whether podSelector, if there is one, picks a Pod with these labels.
func (p *Patch) SelectsPod(podLabels map[string]string) bool {
	return p.selector.Matches(labels.Set(podLabels))
}

// ExpiresAt is when the patch ends, and false when it does not.
func (p *Patch) ExpiresAt() (metav1.Time, bool) { return ExpiresAt(p.Object) }

// ExpiresAt is when a SchedPatch ends, and false when it does not. The ttl of one that is not stored yet has not begun.
func ExpiresAt(object *v1alpha1.SchedPatch) (metav1.Time, bool) {
	switch spec := &object.Spec; {
	case spec.ExpiresAt != nil:
		return *spec.ExpiresAt, true
	case spec.TTLSeconds != nil && !object.CreationTimestamp.IsZero():
		return metav1.NewTime(object.CreationTimestamp.Add(seconds(*spec.TTLSeconds))), true
	default:
		return metav1.Time{}, false
	}
}

// ExpiredAt reports whether the patch has ended by now.
func (p *Patch) ExpiredAt(now metav1.Time) bool {
	end, ends := p.ExpiresAt()
	return ends && !now.Time.Before(end.Time)
}

// ActiveAt reports whether new Pods are patched now: the mode is Active and the patch has not expired.
func (p *Patch) ActiveAt(now metav1.Time) bool {
	return p.Object.Spec.Mode != v1alpha1.SchedPatchPreview && !p.ExpiredAt(now)
}

// Rejects reports whether a Pod that contradicts the patch is denied.
func (p *Patch) Rejects() bool {
	return p.Object.Spec.OnConflict == v1alpha1.SchedPatchConflictReject
}

// Compare orders patches as they are applied: those of higher priority first, equal ones by name.
func Compare(a, b *Patch) int {
	return cmp.Or(cmp.Compare(b.Object.Spec.Priority, a.Object.Spec.Priority), cmp.Compare(a.Name(), b.Name()))
}
