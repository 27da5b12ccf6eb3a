// SPDX-License-Identifier: Apache-2.0

package read

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/operator/lists"
	"github.com/windlass-operator/windlass/operator/preview"
	"github.com/windlass-operator/windlass/operator/sidecarset"
	"github.com/windlass-operator/windlass/operator/statefulset"
)

// Stored reads the object that a manifest is about, in the manifest's version; nil when there is none.
func (c *Cluster) Stored(ctx context.Context, manifest *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(manifest.GroupVersionKind())
	err := c.Client.Get(ctx, client.ObjectKeyFromObject(manifest), out)
	switch ref := (view.Ref{Kind: view.KindOf(manifest), Name: manifest.GetName()}); {
	case meta.IsNoMatchError(err):
		return nil, c.said(ref, "read", err)
	case client.IgnoreNotFound(err) != nil:
		return nil, c.said(ref, "read", err)
	case err != nil:
		return nil, nil
	}
	return out, nil
}

// Foresight is what previews are made from.
type Foresight struct {
	cluster *Cluster
	reader  *lists.Reader
	source  preview.Source
	// unread are the errors of what the user may not read, and does without.
	unread []error
}

// Foresee prepares previews. operatorNamespace is where the revisions of SidecarSets are kept, "" for anywhere.
func (c *Cluster) Foresee(ctx context.Context, operatorNamespace string, canResize bool, now time.Time) (*Foresight, error) {
	reader, err := lists.NewReader(ctx, c.Client)
	if err != nil {
		return nil, err
	}
	return &Foresight{cluster: c, reader: reader, source: preview.Source{
		Reader: reader, Clock: passive(now), Namespace: operatorNamespace, CanResize: canResize,
	}}, nil
}

// passive is a clock that stands still: what is read is of now.
func passive(now time.Time) clock.PassiveClock { return clocktesting.NewFakePassiveClock(now) }

// Unread are the errors of what the user may not read.
func (f *Foresight) Unread() []error { return append(f.unread, f.reader.Unread()...) }

// Preview has the operator's own code say what becomes of the Pods.
func (f *Foresight) Preview(ctx context.Context, p *view.Proposal, into *view.Preview) error {
	var foreseen *preview.Preview
	var err error
	switch p.Kind {
	case view.SidecarSet:
		foreseen, err = f.sidecarSet(ctx, p)
	case view.StatefulSet:
		foreseen, err = f.statefulSet(ctx, p)
	case view.SchedPatch:
		return f.schedPatch(ctx, p, into)
	}
	if err == nil {
		into.Add(foreseen)
	}
	return err
}

func (f *Foresight) sidecarSet(ctx context.Context, p *view.Proposal) (*preview.Preview, error) {
	before, after, err := view.Decoded[v1beta1.SidecarSet](p)
	if err != nil {
		return nil, err
	}
	f.exclude(ctx)
	out, err := sidecarset.Preview(ctx, &f.source, before, after)
	if f.source.Namespace == "" && forbidden(err, "controllerrevisions") {
		return nil, fmt.Errorf("revisions are kept in the operator's namespace, and you may not look for them in all; "+
			"name it with --operator-namespace: %w", err)
	}
	return out, err
}

// forbidden reports whether an error says that the user has no right to some resources.
func forbidden(err error, resource string) bool {
	status := apierrors.APIStatus(nil)
	return apierrors.IsForbidden(err) && errors.As(err, &status) && status.Status().Details != nil &&
		status.Status().Details.Kind == resource
}

func (f *Foresight) statefulSet(ctx context.Context, p *view.Proposal) (*preview.Preview, error) {
	_, after, err := view.Decoded[v1beta1.StatefulSet](p)
	if err != nil {
		return nil, err
	}
	return statefulset.Preview(ctx, &f.source, after)
}

// schedPatch is about the nodes of new Pods: a SchedPatch touches no Pod that there is.
func (f *Foresight) schedPatch(ctx context.Context, p *view.Proposal, into *view.Preview) error {
	_, patch, err := view.Decoded[v1alpha1.SchedPatch](p)
	if err != nil {
		return err
	}
	near := *f.cluster
	near.Scope = Scope{Namespace: patch.Namespace}
	target := &patch.Spec.TargetRef
	subject, err := near.subject(ctx, schema.FromAPIVersionAndKind(target.APIVersion, target.Kind), target.Name)
	switch {
	case apierrors.IsNotFound(err):
		return into.AddNodes(patch, nil, nil, nil, f.source.Clock.Now())
	case err != nil:
		return err
	}
	around, unread := near.Surroundings(ctx, subject)
	f.unread = append(f.unread, unread...)
	nodes := &corev1.NodeList{}
	if err := f.reader.List(ctx, nodes); err != nil {
		return err
	}
	list := make([]*corev1.Node, len(nodes.Items))
	for i := range nodes.Items {
		list[i] = &nodes.Items[i]
	}
	return into.AddNodes(patch, subject, around, list, f.source.Clock.Now())
}

// exclude finds out which namespaces the Pod webhooks leave out by name, once.
func (f *Foresight) exclude(ctx context.Context) {
	if f.source.Excluded != nil {
		return
	}
	around, err := f.cluster.namespaces(ctx)
	if err != nil {
		f.unread = append(f.unread, err)
	}
	f.source.Excluded = append([]string{}, view.UnservedByName(around)...)
}
