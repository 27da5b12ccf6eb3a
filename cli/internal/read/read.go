// SPDX-License-Identifier: Apache-2.0

// Package read reads the cluster, and nothing else: what is made of it is for package view.
package read

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// Scope is where namespaced objects are looked for.
type Scope struct {
	// Namespace is the one, All stands for every one.
	Namespace string
	All       bool
}

func (s Scope) option() client.InNamespace {
	if s.All {
		return ""
	}
	return client.InNamespace(s.Namespace)
}

// Cluster is a cluster, as one user sees it.
type Cluster struct {
	client.Client
	Scope Scope
}

// Objects are objects of ours.
type Objects struct {
	SidecarSets   []v1beta1.SidecarSet
	StatefulSets  []v1beta1.StatefulSet
	SchedPatches  []v1alpha1.SchedPatch
	NotReadable   []error
	readableKinds int
}

// Get reads objects: those that are named, all of the kinds that are, or all where none are. Kinds that the user may not
// list are in NotReadable, as long as there is another one.
func (c *Cluster) Get(ctx context.Context, refs []view.Ref) (*Objects, error) {
	out := &Objects{}
	if len(refs) == 0 {
		for _, kind := range view.Kinds {
			refs = append(refs, view.Ref{Kind: kind})
		}
	}
	for _, ref := range refs {
		err := c.add(ctx, out, ref)
		switch {
		case err != nil && len(refs) > 1 && ref.Name == "" && apierrors.IsForbidden(err):
			out.NotReadable = append(out.NotReadable, err)
		case err != nil:
			return nil, err
		default:
			out.readableKinds++
		}
	}
	if out.readableKinds == 0 {
		return nil, errors.Join(out.NotReadable...)
	}
	return out, nil
}

func (c *Cluster) add(ctx context.Context, out *Objects, ref view.Ref) (err error) {
	switch ref.Kind {
	case view.SidecarSet:
		out.SidecarSets, err = appended(ctx, c, ref, out.SidecarSets, &v1beta1.SidecarSet{}, &v1beta1.SidecarSetList{},
			func(l *v1beta1.SidecarSetList) []v1beta1.SidecarSet { return l.Items })
	case view.StatefulSet:
		out.StatefulSets, err = appended(ctx, c, ref, out.StatefulSets, &v1beta1.StatefulSet{}, &v1beta1.StatefulSetList{},
			func(l *v1beta1.StatefulSetList) []v1beta1.StatefulSet { return l.Items })
	case view.SchedPatch:
		out.SchedPatches, err = appended(ctx, c, ref, out.SchedPatches, &v1alpha1.SchedPatch{}, &v1alpha1.SchedPatchList{},
			func(l *v1alpha1.SchedPatchList) []v1alpha1.SchedPatch { return l.Items })
	}
	return err
}

// object is a pointer to an API type.
type object[T any] interface {
	*T
	client.Object
}

// appended reads an object, or all of a kind, behind others.
func appended[T any, P object[T], L client.ObjectList](
	ctx context.Context, c *Cluster, ref view.Ref, others []T, into P, list L, items func(L) []T,
) ([]T, error) {
	if ref.Name == "" {
		if err := c.List(ctx, list, c.within(ref.Kind)); err != nil {
			return others, c.said(ref, "list", err)
		}
		return append(others, items(list)...), nil
	}
	if err := c.one(ctx, ref, into); err != nil {
		return others, err
	}
	return append(others, *into), nil
}

func (c *Cluster) within(kind view.Kind) client.InNamespace {
	if !kind.Namespaced() {
		return ""
	}
	return c.Scope.option()
}

// one reads an object by its name.
func (c *Cluster) one(ctx context.Context, ref view.Ref, into client.Object) error {
	key := client.ObjectKey{Name: ref.Name}
	if ref.Kind.Namespaced() {
		key.Namespace = c.Scope.Namespace
	}
	return c.said(ref, "read", c.Client.Get(ctx, key, into))
}

// said puts into a sentence why something could not be read.
func (c *Cluster) said(ref view.Ref, verb string, err error) error {
	kind := ref.Kind.Plural() + "." + v1beta1.GroupVersion.Group
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return fmt.Errorf("this cluster knows no %s: Windlass is not installed in it, or the context is not the one that was meant", kind)
	case apierrors.IsNotFound(err) && ref.Name != "" && ref.Kind.Namespaced():
		return &absentError{
			fmt.Sprintf("there is no %s %s in namespace %s; see kubectl windlass status -A", ref.Kind.Title(), ref.Name, c.Scope.Namespace), err,
		}
	case apierrors.IsNotFound(err) && ref.Name != "":
		return &absentError{fmt.Sprintf("there is no %s %s; see kubectl windlass status", ref.Kind.Title(), ref.Name), err}
	case ref.Name == "":
		return fmt.Errorf("cannot %s %s: %w", verb, kind, err)
	}
	return fmt.Errorf("cannot %s %s: %w", verb, ref, err)
}

// VersionOf is the version in which objects of a kind are read and written.
func VersionOf(kind view.Kind) schema.GroupVersion {
	if kind == view.SchedPatch {
		return v1alpha1.GroupVersion
	}
	return v1beta1.GroupVersion
}

// Names are the names of the objects of a kind.
func (c *Cluster) Names(ctx context.Context, kind view.Kind) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(VersionOf(kind).WithKind(kind.Title() + "List"))
	if err := c.List(ctx, list, c.within(kind)); err != nil {
		return nil, c.said(view.Ref{Kind: kind}, "list", err)
	}
	return namesIn(list), nil
}

// SubjectNames are the names of the scope's objects of a kind, as people write the kinds of what Subject reads.
func (c *Cluster) SubjectNames(ctx context.Context, word string) ([]string, error) {
	kind, err := c.kindOf(word)
	if err != nil {
		return nil, err
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := c.List(ctx, list, client.InNamespace(c.Scope.Namespace)); err != nil {
		return nil, fmt.Errorf("cannot list %s: %w", word, err)
	}
	return namesIn(list), nil
}

// Namespaces are the names of all namespaces.
func (c *Cluster) Namespaces(ctx context.Context) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := c.List(ctx, list); err != nil {
		return nil, fmt.Errorf("cannot list namespaces: %w", err)
	}
	return namesIn(list), nil
}

func namesIn(list *metav1.PartialObjectMetadataList) []string {
	out := make([]string, len(list.Items))
	for i := range list.Items {
		out[i] = list.Items[i].Name
	}
	return out
}
