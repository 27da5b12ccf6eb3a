// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Proposal is an object as it is stored, and as it would be.
type Proposal struct {
	Kind Kind
	// Before is nil where there is no such object yet.
	Before, After *unstructured.Unstructured
}

// KindOf is the kind of an object of a manifest, "" for one that is not ours.
func KindOf(object *unstructured.Unstructured) Kind {
	gvk := object.GroupVersionKind()
	at := slices.IndexFunc(Kinds, func(k Kind) bool { return gvk.Group == v1beta1.GroupVersion.Group && k.Title() == gvk.Kind })
	if at < 0 {
		return ""
	}
	return Kinds[at]
}

// Patch is what kubectl apply would send for a manifest: fields that the manifest had when it was last applied, and has no
// more, go; those that others have set stay. It is empty when nothing would change. The format is that of a merge patch.
func Patch(before, manifest *unstructured.Unstructured) ([]byte, error) {
	stored, err := before.MarshalJSON()
	if err != nil {
		return nil, err
	}
	modified, err := Wanted(manifest).MarshalJSON()
	if err != nil {
		return nil, err
	}
	var original []byte
	if last := before.GetAnnotations()[corev1.LastAppliedConfigAnnotation]; last != "" {
		original = []byte(last)
	}
	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, stored)
	if err != nil {
		return nil, fmt.Errorf("compare the manifest with what is stored: %w", err)
	}
	if bytes.Equal(patch, []byte("{}")) {
		return nil, nil
	}
	return patch, nil
}

// Wanted is what a manifest says of an object, without what only a stored one has: somebody may have copied one, and
// programs write a time of null.
func Wanted(manifest *unstructured.Unstructured) *unstructured.Unstructured {
	out := manifest.DeepCopy()
	delete(out.Object, "status")
	unstructured.RemoveNestedField(out.Object, "metadata", "annotations", corev1.LastAppliedConfigAnnotation)
	unstructured.RemoveNestedField(out.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(out.Object, "metadata", "managedFields")
	return out
}

// ServerSideApplier is the name of who applied an object last, if that was by server-side apply, as Flux does; "" for
// anybody else. Only the API server knows which fields go with a manifest of that kind.
func ServerSideApplier(object *unstructured.Unstructured) string {
	name, last := "", metav1.Time{}
	if object == nil || object.GetAnnotations()[corev1.LastAppliedConfigAnnotation] != "" {
		return name
	}
	for _, entry := range object.GetManagedFields() {
		at := ptr.Deref(entry.Time, metav1.Time{})
		if entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == "" && (name == "" || last.Before(&at)) {
			name, last = entry.Manager, at
		}
	}
	return name
}

// Settle gives the object that would be stored what the API server gives it, as far as it has not: a new one its UID and
// its time, one whose spec changes the next generation. The status is the operator's, and stays.
func (p *Proposal) Settle(now metav1.Time) {
	after := p.After
	if p.Before == nil {
		if after.GetUID() == "" {
			after.SetUID("preview")
		}
		if created := after.GetCreationTimestamp(); created.IsZero() {
			after.SetCreationTimestamp(now)
		}
		after.SetGeneration(max(1, after.GetGeneration()))
		return
	}
	if status, has := p.Before.Object["status"]; has {
		after.Object["status"] = status
	}
	if p.Action() == WouldChange && after.GetGeneration() == p.Before.GetGeneration() {
		after.SetGeneration(after.GetGeneration() + 1)
	}
}

// Action is what a write would do.
func (p *Proposal) Action() Action {
	switch {
	case p.Before == nil:
		return WouldCreate
	case reflect.DeepEqual(p.Before.Object["spec"], p.After.Object["spec"]) &&
		reflect.DeepEqual(p.Before.GetLabels(), p.After.GetLabels()) && reflect.DeepEqual(p.Before.GetAnnotations(), p.After.GetAnnotations()):
		return WouldKeep
	}
	return WouldChange
}

// Decoded puts both states into objects of a type, before nil where there is none.
func Decoded[T any](p *Proposal) (before, after *T, err error) {
	if p.Before != nil {
		if before, err = decoded[T](p.Before); err != nil {
			return nil, nil, err
		}
	}
	after, err = decoded[T](p.After)
	return before, after, err
}

func decoded[T any](object *unstructured.Unstructured) (*T, error) {
	data, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := json.Unmarshal(data, out); err != nil {
		return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return out, nil
}
